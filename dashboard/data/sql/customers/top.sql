WITH transactions AS (
{source}
)
SELECT
    t.company_id || '-' || t.customer_id AS customer_key,
    t.customer_id,
    coalesce(any_value(p.name), '#' || t.customer_id) AS customer,
    sum(t.{revenue}) AS net_revenue,
    CAST(sum(t.{revenue}) AS DOUBLE)
        / nullif(sum(sum(CAST(t.{revenue} AS DOUBLE))) OVER (), 0) AS share,
    sum(t.transactions) AS transactions,
    CAST(sum(t.{revenue}) AS DOUBLE) / nullif(sum(t.transactions), 0) AS average_transaction,
    sum(t.items) AS items_sold,
    sum(t.returns_tax_in) AS returns,
    max(t.date) AS last_date,
    any_value(f.date) AS first_date
FROM transactions AS t
LEFT JOIN customer_firsts AS f
    ON f.company_id = t.company_id AND f.customer_id = t.customer_id
LEFT JOIN dim_partners AS p ON p.partner_id = t.customer_id
WHERE t.customer_id IS NOT NULL
GROUP BY t.company_id, t.customer_id
