-- What the stock of a day is rolled from; is_complete is null where no snapshot was ever taken.
SELECT
    n.snapshot_date,
    n.taken_at,
    coalesce(n.is_complete, false) AS is_known,
    (
        SELECT count(*) FROM data_coverage
        WHERE fact_table = 'fact_sales'
            AND date > CAST($last AS DATE) - 90 AND date <= CAST($last AS DATE)
    ) AS sales_days
FROM (SELECT 1) AS one
LEFT JOIN nearest_snapshot($last) AS n ON true
