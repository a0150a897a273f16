-- One day of one vendor in one company: bills, spend, units and costs; null for no vendor.
--   bills: vendor bills and receipts
--   refunds: documents in which the vendor gave something back
--   billed_lines: lines of bills and receipts
-- days: fact_purchases_costed
SELECT
    date,
    company_id,
    vendor_id,
    count(DISTINCT move_id) FILTER (NOT is_refund) AS bills,
    count(DISTINCT move_id) FILTER (is_refund) AS refunds,
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
FROM fact_purchases_costed
GROUP BY ALL
ORDER BY date, company_id, vendor_id
