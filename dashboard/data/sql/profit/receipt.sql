-- The lines of one receipt or document with what their goods had cost.
SELECT
    s.line_id,
    p.sku,
    coalesce(p.name, 'Product ' || s.product_id) AS name,
    s.quantity,
    s.{revenue} AS net_revenue,
    s.{cogs} AS cogs,
    s.{profit} AS gross_profit,
    s.order_id,
    s.move_id
FROM fact_sales_profit AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
WHERE s.txn_key = $transaction AND s.company_id = ANY($companies)
ORDER BY s.line_id
