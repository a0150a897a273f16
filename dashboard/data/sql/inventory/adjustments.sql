-- One stock move that was counted or scrapped: + into our stock, - out of it.
SELECT
    s.move_line_id,
    s.move_id,
    s.moved_at_local,
    s.product_id,
    p.name,
    p.sku,
    s.movement_type,
    {signed} AS quantity,
    CAST({signed} AS DOUBLE)
        * CAST(coalesce(b.cost_unit_tax_ex, o.cost_unit_tax_ex, n.cost_unit_tax_ex) AS DOUBLE)
        AS value_at_cost,
    CASE WHEN s.quantity_signed < 0 THEN f.path ELSE d.path END AS location,
    s.reference AS move_reference
FROM fact_inventory_moves AS s
JOIN dim_products AS p ON p.product_id = s.product_id AND p.storable
LEFT JOIN dim_locations AS f ON f.location_id = s.from_location_id
LEFT JOIN dim_locations AS d ON d.location_id = s.to_location_id
{costs}
WHERE s.movement_type IN ('adjustment', 'scrap') AND {where}
