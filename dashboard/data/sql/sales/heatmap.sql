WITH sold AS (
    SELECT DISTINCT s.date, s.pos_config_id, isodow(s.date) AS weekday, s.hour
    FROM agg_sales_hourly AS s
    WHERE {store_where}
),
denominator AS (
    -- A store-hour is open when the store traded that day, and sold in that hour on some such
    -- weekday of the period: an hour without a sale in a store that is usually open counts as 0.
    SELECT usual.weekday, usual.hour, count(*) AS store_hours
    FROM (SELECT DISTINCT pos_config_id, weekday, hour FROM sold) AS usual
    JOIN (SELECT DISTINCT pos_config_id, weekday, date FROM sold) AS traded
        ON traded.weekday = usual.weekday
        AND traded.pos_config_id IS NOT DISTINCT FROM usual.pos_config_id
    GROUP BY ALL
),
source AS (
{source}
),
numerator AS (
    SELECT
        isodow(date) AS weekday,
        hour,
        sum({revenue}) AS revenue,
        sum(transactions) AS transactions
    FROM source
    GROUP BY ALL
)
SELECT
    denominator.weekday,
    denominator.hour,
    denominator.store_hours,
    coalesce(numerator.revenue, 0) AS revenue,
    coalesce(numerator.transactions, 0) AS transactions,
    CAST(coalesce(numerator.revenue, 0) AS DOUBLE) / denominator.store_hours AS revenue_per_hour,
    coalesce(numerator.transactions, 0) / denominator.store_hours AS transactions_per_hour
FROM denominator
LEFT JOIN numerator USING (weekday, hour)
ORDER BY ALL
