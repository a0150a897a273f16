SELECT
    state.version,
    state.published_at,
    state.first_day,
    state.last_day,
    covered.last_complete_day,
    covered.as_of
FROM warehouse_state AS state, (
    SELECT
        -- The open day is loaded too, but not complete.
        max(date) FILTER (date < $today AND fact_table = 'fact_sales' AND fact_rows IS NOT NULL)
            AS last_complete_day,
        max(as_of) AS as_of
    FROM data_coverage
) AS covered
