-- One day of one store, category and brand. Amounts in company currency. Transactions are not here:
-- one with two categories would count twice.
--   lines: lines of sales, discount lines too
--   items [product unit]: units of kinds sale, free and service
--   returned_units [product unit]: units of kind return, positive
--   gross_tax_in [company currency, tax in]: before discounts, of kinds sale, free and service
--   discount_tax_in [company currency, tax in]: discounts of all lines but returns, vouchers too
--   returns_tax_in [company currency, tax in]: what was paid back for lines of kind return,
--       positive
--   revenue_tax_in [company currency, tax in]: gross_tax_in - discount_tax_in - returns_tax_in
-- days: fact_sales_all
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
    count(*) AS lines,
    coalesce(sum(s.quantity) FILTER (s.line_kind IN ('sale', 'free', 'service')), 0)
        ::DECIMAL(18, 4) AS items,
    coalesce(-sum(s.quantity) FILTER (s.line_kind = 'return'), 0)
        ::DECIMAL(18, 4) AS returned_units,
    coalesce(sum(s.gross_tax_in) FILTER (s.line_kind IN ('sale', 'free', 'service')), 0)
        ::DECIMAL(18, 2) AS gross_tax_in,
    coalesce(sum(s.discount_tax_in) FILTER (s.line_kind <> 'return'), 0)
        ::DECIMAL(18, 2) AS discount_tax_in,
    coalesce(-sum(s.revenue_tax_in) FILTER (s.line_kind = 'return'), 0)
        ::DECIMAL(18, 2) AS returns_tax_in,
    sum(s.revenue_tax_in)::DECIMAL(18, 2) AS revenue_tax_in,
    sum(s.net_tax_ex)::DECIMAL(18, 2) AS net_tax_ex,
    sum(s.tax)::DECIMAL(18, 2) AS tax
FROM fact_sales_all AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
GROUP BY ALL
ORDER BY s.date, s.company_id, s.source, s.pos_config_id, p.category_id, p.brand_id
