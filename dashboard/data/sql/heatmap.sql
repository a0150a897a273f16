WITH open_hours AS (
    -- A store is open from the first to the last hour in which it sold anything that day.
    SELECT day.date, day.pos_config_id, hours.hour
    FROM (
        SELECT s.date, s.pos_config_id, min(s.hour) AS opened, max(s.hour) AS closed
        FROM agg_sales_hourly AS s
        WHERE {store_where}
        GROUP BY s.date, s.pos_config_id
    ) AS day
    JOIN (SELECT range AS hour FROM range(24)) AS hours
        ON hours.hour BETWEEN day.opened AND day.closed
),
denominator AS (
    SELECT isodow(date) AS weekday, hour, count(*) AS store_hours
    FROM open_hours
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
