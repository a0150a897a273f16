-- One line.
SELECT
    s.*,
    {columns}CASE WHEN s.line_kind = 'discount' THEN 0 ELSE s.quantity END AS net_items,
    CASE WHEN s.cogs_tax_in IS NULL THEN 0 ELSE s.revenue_tax_in END AS costed_revenue_tax_in,
    CASE WHEN s.cogs_tax_ex IS NULL THEN 0 ELSE s.net_tax_ex END AS costed_net_tax_ex
FROM fact_sales_profit AS s
{joins}WHERE {where}
