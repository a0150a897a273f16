-- One line.
SELECT
    s.*,
    CASE WHEN s.line_kind = 'discount' THEN 0 ELSE s.quantity END AS net_items,
    CASE WHEN s.cogs_tax_in IS NULL THEN 0 ELSE s.revenue_tax_in END AS costed_revenue_tax_in,
    CASE WHEN s.cogs_tax_ex IS NULL THEN 0 ELSE s.net_tax_ex END AS costed_net_tax_ex,
    p.category_id,
    p.root_category_id,
    p.brand_id,
    p.principal_id,
    {vendor}
FROM fact_sales_profit AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
{vendors}WHERE {where}
