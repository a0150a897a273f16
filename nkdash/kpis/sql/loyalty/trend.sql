WITH {periods},
source AS (
{source}
),
{steps},
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
