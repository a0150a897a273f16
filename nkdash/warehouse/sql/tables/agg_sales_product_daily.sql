-- One day of one product in one company, all stores and sources together: units, discounts, revenue,
-- and cost and profit where the cost is known.
--   lines: lines of sales, discount lines too
--   items [product unit]: units of kinds sale, free and service
--   returned_units [product unit]: units of kind return, positive
--   gross_tax_in [company currency, tax in]: before discounts, of kinds sale, free and service
--   discount_tax_in [company currency, tax in]: discounts of all lines but returns, vouchers too
--   returns_tax_in [company currency, tax in]: what was paid back for lines of kind return,
--       positive
--   revenue_tax_in [company currency, tax in]: gross_tax_in - discount_tax_in - returns_tax_in
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
    product_id,
    count(*) AS lines,
    coalesce(sum(quantity) FILTER (line_kind IN ('sale', 'free', 'service')), 0)
        ::DECIMAL(18, 4) AS items,
    coalesce(-sum(quantity) FILTER (line_kind = 'return'), 0)::DECIMAL(18, 4) AS returned_units,
    coalesce(sum(gross_tax_in) FILTER (line_kind IN ('sale', 'free', 'service')), 0)
        ::DECIMAL(18, 2) AS gross_tax_in,
    coalesce(sum(discount_tax_in) FILTER (line_kind <> 'return'), 0)
        ::DECIMAL(18, 2) AS discount_tax_in,
    coalesce(-sum(revenue_tax_in) FILTER (line_kind = 'return'), 0)
        ::DECIMAL(18, 2) AS returns_tax_in,
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
GROUP BY date, company_id, product_id
ORDER BY date, company_id, product_id
