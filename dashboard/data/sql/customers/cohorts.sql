SELECT
    cohort_month,
    months_after,
    month,
    sum(cohort_customers) AS cohort_customers,
    sum(customers) AS customers,
    sum(customers) / sum(cohort_customers) AS retention,
    bool_or(is_partial) AS is_partial
FROM mart_customer_cohorts
WHERE company_id = ANY($companies)
GROUP BY cohort_month, months_after, month
ORDER BY cohort_month, months_after
