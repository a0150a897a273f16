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
