-- One bill line whose unit cost is not that of the bill before.
SELECT
    s.line_id,
    s.date,
    s.product_id,
    coalesce(p.name, 'Product ' || s.product_id) AS name,
    p.sku,
    vendor.name AS vendor,
    s.previous_cost_unit_tax_ex AS previous_cost,
    s.cost_unit_tax_ex AS unit_cost,
    CAST(s.cost_unit_tax_ex AS DOUBLE) / CAST(s.previous_cost_unit_tax_ex AS DOUBLE) - 1 AS change,
    s.quantity,
    s.cost_change_tax_ex AS cost_change_value,
    s.previous_date,
    s.move_name AS bill
FROM fact_purchases_costed AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
LEFT JOIN dim_partners AS vendor ON vendor.partner_id = s.vendor_id
WHERE {where}
    AND s.cost_change_tax_ex <> 0
