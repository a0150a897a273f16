-- What lies in each warehouse; goods on their way between them are in none.
SELECT
    l.warehouse_id AS warehouse,
    any_value(l.warehouse) AS name,
    sum(h.quantity) AS on_hand,
    sum(CAST(h.quantity AS DOUBLE) * CAST(source.cost_unit AS DOUBLE)) AS stock_value,
    count(DISTINCT h.product_id) FILTER (h.quantity > 0) AS stocked_products,
    count(DISTINCT h.product_id) FILTER (h.quantity < 0) AS negative_products
FROM stock_on_hand($last) AS h
JOIN (
{positions}
) AS source ON source.company_id = h.company_id AND source.product_id = h.product_id
LEFT JOIN dim_locations AS l ON l.location_id = h.location_id
LEFT JOIN dim_products AS p ON p.product_id = h.product_id
LEFT JOIN product_vendors AS v
    ON v.company_id = h.company_id AND v.product_id = h.product_id
WHERE {at_place} AND {where}
GROUP BY l.warehouse_id
ORDER BY stock_value DESC NULLS LAST
