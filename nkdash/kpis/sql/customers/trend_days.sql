WITH {periods},
source AS (
{source}
),
cut AS (
    SELECT
        periods.period,
        -- The base is laid over the range it is compared with, then cut into the same buckets.
        {bucket} AS bucket,
        bucket - periods.shift AS bucket_first,
        periods.first,
        coalesce(source.first_date BETWEEN periods.first AND periods.last, false) AS is_new,
        coalesce(
            is_new AND greatest(
                CAST(date_trunc($grain, source.first_date + periods.shift) AS DATE), $first
            ) = bucket,
            false
        ) AS is_new_in_bucket,
        source.* EXCLUDE (first_date)
    FROM source
    JOIN periods ON source.date BETWEEN periods.first AND periods.last
),
customers AS (
    -- One day of a customer in one bucket, and once more in the whole period. On the first day on which
    -- he bought there he is counted: on the others he has no transactions.
    SELECT
        period,
        bucket,
        false AS is_total,
        is_new_in_bucket AS is_new,
        CAST(transactions > 0 AND coalesce(previous_date < bucket_first, true) AS INTEGER)
            AS transactions,
        revenue_tax_in,
        net_tax_ex
    FROM cut
    UNION ALL
    SELECT
        period,
        NULL,
        true,
        is_new,
        CAST(transactions > 0 AND coalesce(previous_date < first, true) AS INTEGER),
        revenue_tax_in,
        net_tax_ex
    FROM cut
)
SELECT
    period,
    bucket,
    is_total,
    {kpis}
FROM customers
GROUP BY period, bucket, is_total
ORDER BY period, is_total, bucket
