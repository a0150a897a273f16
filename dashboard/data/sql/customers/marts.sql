-- The 12 months that the marts of customers and of products bought together are made of.
SELECT
    CAST(max(date) - INTERVAL 12 MONTH AS DATE) + 1 AS first,
    max(date) AS last,
    min(date) AS lake_first
FROM mart_days
