SELECT
    m.company_id || '-' || m.customer_id AS customer_key,
    m.customer_id,
    coalesce(p.name, '#' || m.customer_id) AS customer,
    m.segment,
    m.{revenue} AS net_revenue,
    m.transactions,
    CAST(m.{revenue} AS DOUBLE) / m.transactions AS average_transaction,
    m.days_since_last,
    m.last_date,
    m.recency_score,
    m.frequency_score,
    m.monetary_score
FROM mart_customer_rfm AS m
LEFT JOIN dim_partners AS p ON p.partner_id = m.customer_id
WHERE m.company_id = ANY($companies){of_segment}
