SELECT
    state.version,
    state.published_at,
    state.first_day,
    state.last_day,
    (SELECT max(as_of) FROM data_coverage) AS as_of
FROM warehouse_state AS state
