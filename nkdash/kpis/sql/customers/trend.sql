WITH {periods},
source AS (
{source}
),
cut AS (
    SELECT
        periods.*,
        -- The base is laid over the range it is compared with, then cut into the same buckets.
        {bucket} AS bucket,
        source.*
    FROM source
    JOIN periods ON source.date BETWEEN periods.first AND periods.last
),
{customers}
SELECT
    period,
    bucket,
    is_total,
    {kpis}
FROM customers
GROUP BY period, bucket, is_total
ORDER BY period, is_total, bucket
