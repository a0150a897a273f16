WITH {periods},
source AS (
{source}
),
bought AS (
    SELECT date, lag(date) OVER customer AS before, lead(date) OVER customer AS after
    FROM source
    WHERE customer_id IS NOT NULL AND transactions > 0
    WINDOW customer AS (PARTITION BY company_id, customer_id ORDER BY date)
),
steps AS (
    -- A customer counts from a transaction to the next one, or until it is 365 days old; as one who
    -- came again, until the one before it is.
    SELECT date AS day, 1 AS customers, 0 AS repeaters FROM bought
    UNION ALL
    SELECT least(after, date + 365), -1, 0 FROM bought
    UNION ALL
    SELECT date, 0, 1 FROM bought WHERE before + 365 > date
    UNION ALL
    SELECT least(after, before + 365), 0, -1 FROM bought WHERE before + 365 > date
),
standing AS (
    SELECT
        day,
        sum(sum(customers)) OVER (ORDER BY day) AS customers,
        sum(sum(repeaters)) OVER (ORDER BY day) AS repeaters
    FROM steps
    GROUP BY day
),
days AS (
    SELECT CAST(unnest(generate_series($from_day, $to_day, INTERVAL 1 DAY)) AS DATE) AS date
),
ends AS (
    SELECT
        periods.period,
        {bucket} AS bucket,
        max(source.date) AS last
    FROM days AS source
    JOIN periods ON source.date BETWEEN periods.first AND periods.last
    GROUP BY GROUPING SETS ((period, bucket), (period))
)
SELECT
    ends.period,
    ends.bucket,
    ends.bucket IS NULL AS is_total,
    {kpis}
FROM ends
ASOF LEFT JOIN standing ON standing.day <= ends.last
GROUP BY ALL
ORDER BY period, is_total, bucket
