-- One day of one vendor, category and brand in one company: spend, units and costs. Bills are not
-- here: one may hold several categories.
--   billed_lines: lines of bills and receipts
-- days: fact_purchases_costed
-- whole: dim_products
SELECT
    s.date,
    s.company_id,
    s.vendor_id,
    p.category_id,
    p.root_category_id,
    p.brand_id,
    p.principal_id,
    count(*) FILTER (NOT is_refund) AS billed_lines,
    sum(net_tax_ex)::DECIMAL(18, 2) AS net_tax_ex,
    sum(billed_tax_ex)::DECIMAL(18, 2) AS billed_tax_ex,
    sum(returned_tax_ex)::DECIMAL(18, 2) AS returned_tax_ex,
    sum(goods_units)::DECIMAL(18, 4) AS goods_units,
    sum(goods_cost_tax_ex)::DECIMAL(18, 2) AS goods_cost_tax_ex,
    sum(free_units)::DECIMAL(18, 4) AS free_units,
    sum(free_value_tax_ex)::DECIMAL(18, 2) AS free_value_tax_ex,
    sum(previous_cost_tax_ex)::DECIMAL(18, 2) AS previous_cost_tax_ex,
    sum(cost_change_tax_ex)::DECIMAL(18, 2) AS cost_change_tax_ex
FROM fact_purchases_costed AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
GROUP BY ALL
ORDER BY s.date, s.company_id, s.vendor_id, p.category_id, p.brand_id
