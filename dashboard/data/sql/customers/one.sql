SELECT
    any_value(f.date) AS first_date,
    max(t.date) FILTER (NOT t.is_refund) AS last_date,
    count(*) FILTER (NOT t.is_refund) AS transactions,
    sum(t.{revenue}) AS net_revenue
FROM fact_transactions AS t
LEFT JOIN customer_firsts AS f
    ON f.company_id = t.company_id AND f.customer_id = t.customer_id
WHERE t.customer_id = $customer AND t.company_id = ANY($companies)
