WITH {periods},
source AS (
{source}
),
cut AS (
    SELECT
        periods.period,
        -- The base is laid over the range it is compared with, then cut into the same buckets.
        greatest(CAST(date_trunc($grain, source.date + periods.shift) AS DATE), $first) AS bucket,
        source.*
    FROM source
    JOIN periods ON source.date BETWEEN periods.first AND periods.last
)
SELECT
    period,
    bucket,
    grouping(bucket) = 1 AS is_total,
    {kpis}
FROM cut
GROUP BY GROUPING SETS ((period, bucket), (period))
ORDER BY period, is_total, bucket
