WITH {periods},
source AS (
{source}
),
cut AS (
    SELECT
        periods.period,
        -- The base is laid over the range it is compared with, then cut into the same buckets.
        {bucket} AS bucket,
        source.*
    FROM source
    JOIN periods ON source.date BETWEEN periods.first AND periods.last
),
customers AS (
    -- One customer of a company in one bucket, and once more in the whole period.
    SELECT
        period,
        bucket,
        grouping(bucket) = 1 AS is_total,
        {customer}
    FROM cut AS source
    GROUP BY GROUPING SETS (
        (period, bucket, company_id, customer_id), (period, company_id, customer_id)
    )
)
SELECT
    period,
    bucket,
    is_total,
    {kpis}
FROM customers
GROUP BY period, bucket, is_total
ORDER BY period, is_total, bucket
