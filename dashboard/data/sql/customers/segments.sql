SELECT
    segment,
    count(*) AS customers,
    count(*) / sum(count(*)) OVER () AS customer_share,
    sum({revenue}) AS net_revenue,
    CAST(sum({revenue}) AS DOUBLE) / nullif(sum(sum(CAST({revenue} AS DOUBLE))) OVER (), 0)
        AS revenue_share,
    CAST(sum({revenue}) AS DOUBLE) / count(*) AS revenue_per_customer,
    sum(transactions) / count(*) AS transactions_per_customer,
    avg(days_since_last) AS days_since_last
FROM mart_customer_rfm
WHERE company_id = ANY($companies)
GROUP BY segment
ORDER BY net_revenue DESC, segment
