SELECT
    s.line_id,
    s.product_id,
    p.sku,
    coalesce(p.name, 'Product ' || s.product_id) AS name,
    s.line_kind,
    s.quantity,
    s.price_unit,
    s.discount_tax_in AS discount,
    s.revenue_tax_in,
    s.net_tax_ex
FROM fact_sales_all AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
WHERE s.txn_key = $transaction AND s.company_id = ANY($companies)
ORDER BY s.line_id
