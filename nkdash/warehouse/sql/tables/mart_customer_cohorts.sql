-- One cell of the cohorts of one company: the customers whose first purchase in the lake was in
-- cohort_month, and how many of them bought in the month months_after later. Every cell up to the
-- month of the last complete day has a row; nobody is 0. Walk-ins and pure refunds do not count.
--   cohort_month [first day of the month, local]: month of the first purchase
--   months_after [months]: 0 is cohort_month itself
--   month [first day of the month, local]: cohort_month + months_after
--   cohort_customers: customers of the cohort
--   customers: those of them who bought in month
--   retention [ratio]: customers / cohort_customers
--   is_partial: month had not ended on the last complete day
-- whole: mart_days
-- after: fact_transactions
WITH span AS (
    SELECT max(date) AS to_date FROM mart_days
), active AS (
    SELECT DISTINCT
        t.company_id, t.customer_id, date_trunc('month', t.date)::DATE AS month
    FROM fact_transactions AS t
    JOIN span AS s ON t.date <= s.to_date
    WHERE t.customer_id IS NOT NULL AND NOT t.is_refund
), cells AS (
    SELECT
        company_id,
        cohort_month,
        date_diff('month', cohort_month, month) AS months_after,
        count(*) AS customers
    FROM (
        SELECT *, min(month) OVER (PARTITION BY company_id, customer_id) AS cohort_month
        FROM active
    )
    GROUP BY ALL
), grid AS (
    SELECT
        c.company_id,
        c.cohort_month,
        unnest(range(date_diff('month', c.cohort_month, s.to_date) + 1)) AS months_after,
        c.customers AS cohort_customers,
        s.to_date
    FROM cells AS c, span AS s
    WHERE c.months_after = 0
)
SELECT
    g.company_id,
    g.cohort_month,
    g.months_after,
    (g.cohort_month + to_months(g.months_after::INTEGER))::DATE AS month,
    g.cohort_customers,
    coalesce(c.customers, 0) AS customers,
    coalesce(c.customers, 0) / g.cohort_customers AS retention,
    last_day((g.cohort_month + to_months(g.months_after::INTEGER))::DATE) > g.to_date AS is_partial
FROM grid AS g
LEFT JOIN cells AS c USING (company_id, cohort_month, months_after)
ORDER BY g.company_id, g.cohort_month, g.months_after
