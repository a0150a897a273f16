stood AS (
    SELECT
        *,
        bucket - shift AS bucket_first,
        coalesce(first_date BETWEEN first AND last, false) AS is_new,
        coalesce(
            is_new
                AND greatest(CAST(date_trunc($grain, first_date + shift) AS DATE), $first) = bucket,
            false
        ) AS is_new_in_bucket
    FROM cut
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
    FROM stood
    UNION ALL
    SELECT
        period,
        NULL,
        true,
        is_new,
        CAST(transactions > 0 AND coalesce(previous_date < first, true) AS INTEGER),
        revenue_tax_in,
        net_tax_ex
    FROM stood
)
