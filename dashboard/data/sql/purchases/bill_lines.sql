SELECT
    s.line_id,
    s.move_name AS bill,
    p.sku,
    coalesce(p.name, s.label, 'Product ' || s.product_id) AS name,
    s.is_free_item,
    s.quantity,
    s.cost_unit_tax_ex AS unit_cost,
    CAST(c.cost_unit_tax_ex AS DOUBLE) / CAST(c.previous_cost_unit_tax_ex AS DOUBLE) - 1 AS change,
    s.net_tax_ex AS spend
FROM fact_purchases AS s
JOIN fact_purchases_costed AS c ON c.date = s.date AND c.line_id = s.line_id
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
WHERE s.move_id = $move AND s.company_id = ANY($companies)
ORDER BY s.line_id
