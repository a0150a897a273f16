-- One day of one store, source of sales and source of costs: revenue, and its cost and profit where
-- the cost is known. Cost coverage is the share of revenue whose cost_source is not null; a margin is
-- gross profit / costed revenue, both in the same tax basis.
--   lines: lines of sales
--   quantity [product unit]: net units
--   costed_revenue_tax_in [company currency, tax in]: revenue of the lines whose cogs_tax_in is known
--   costed_net_tax_ex [company currency, tax out]: revenue of the lines whose cogs_tax_ex is known
--   cogs_tax_ex [company currency, tax out]: cost of the lines that have one; null where none has
--   cogs_tax_in [company currency, tax in]: cost of the lines that have one; null where none has
--   gross_profit_tax_ex [company currency, tax out]: costed_net_tax_ex - cogs_tax_ex
--   gross_profit_tax_in [company currency, tax in]: costed_revenue_tax_in - cogs_tax_in
-- days: fact_sales_profit
SELECT
    date,
    company_id,
    source,
    pos_config_id,
    cost_source,
    count(*) AS lines,
    sum(quantity)::DECIMAL(18, 4) AS quantity,
    sum(revenue_tax_in)::DECIMAL(18, 2) AS revenue_tax_in,
    sum(net_tax_ex)::DECIMAL(18, 2) AS net_tax_ex,
    coalesce(sum(revenue_tax_in) FILTER (cogs_tax_in IS NOT NULL), 0)::DECIMAL(18, 2)
        AS costed_revenue_tax_in,
    coalesce(sum(net_tax_ex) FILTER (cogs_tax_ex IS NOT NULL), 0)::DECIMAL(18, 2)
        AS costed_net_tax_ex,
    sum(cogs_tax_ex)::DECIMAL(18, 2) AS cogs_tax_ex,
    sum(cogs_tax_in)::DECIMAL(18, 2) AS cogs_tax_in,
    sum(gross_profit_tax_ex)::DECIMAL(18, 2) AS gross_profit_tax_ex,
    sum(gross_profit_tax_in)::DECIMAL(18, 2) AS gross_profit_tax_in
FROM fact_sales_profit
GROUP BY date, company_id, source, pos_config_id, cost_source
ORDER BY date, company_id, source, pos_config_id, cost_source
