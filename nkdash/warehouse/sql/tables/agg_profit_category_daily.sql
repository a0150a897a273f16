-- One day of one store, source of sales, category, brand and source of costs: revenue, and its cost
-- and profit where the cost is known.
--   lines: lines of sales
--   quantity [product unit]: net units
--   costed_revenue_tax_in [company currency, tax in]: revenue of the lines whose cogs_tax_in is known
--   costed_net_tax_ex [company currency, tax out]: revenue of the lines whose cogs_tax_ex is known
--   cogs_tax_ex [company currency, tax out]: cost of the lines that have one; null where none has
--   cogs_tax_in [company currency, tax in]: cost of the lines that have one; null where none has
--   gross_profit_tax_ex [company currency, tax out]: costed_net_tax_ex - cogs_tax_ex
--   gross_profit_tax_in [company currency, tax in]: costed_revenue_tax_in - cogs_tax_in
-- days: fact_sales_profit
-- whole: dim_products
SELECT
    s.date,
    s.company_id,
    s.source,
    s.pos_config_id,
    p.category_id,
    p.root_category_id,
    p.brand_id,
    p.principal_id,
    s.cost_source,
    count(*) AS lines,
    sum(s.quantity)::DECIMAL(18, 4) AS quantity,
    sum(s.revenue_tax_in)::DECIMAL(18, 2) AS revenue_tax_in,
    sum(s.net_tax_ex)::DECIMAL(18, 2) AS net_tax_ex,
    coalesce(sum(s.revenue_tax_in) FILTER (s.cogs_tax_in IS NOT NULL), 0)::DECIMAL(18, 2)
        AS costed_revenue_tax_in,
    coalesce(sum(s.net_tax_ex) FILTER (s.cogs_tax_ex IS NOT NULL), 0)::DECIMAL(18, 2)
        AS costed_net_tax_ex,
    sum(s.cogs_tax_ex)::DECIMAL(18, 2) AS cogs_tax_ex,
    sum(s.cogs_tax_in)::DECIMAL(18, 2) AS cogs_tax_in,
    sum(s.gross_profit_tax_ex)::DECIMAL(18, 2) AS gross_profit_tax_ex,
    sum(s.gross_profit_tax_in)::DECIMAL(18, 2) AS gross_profit_tax_in
FROM fact_sales_profit AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
GROUP BY ALL
ORDER BY s.date, s.company_id, s.source, s.pos_config_id, p.category_id, p.brand_id
