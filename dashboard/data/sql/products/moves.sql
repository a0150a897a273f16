SELECT
    m.move_line_id,
    m.moved_at_local,
    m.movement_type,
    m.quantity,
    m.quantity_signed,
    coalesce(a.path, a.name) AS from_location,
    coalesce(b.path, b.name) AS to_location,
    m.reference AS move_reference,
    m.picking_id
FROM fact_inventory_moves AS m
LEFT JOIN dim_locations AS a ON a.location_id = m.from_location_id
LEFT JOIN dim_locations AS b ON b.location_id = m.to_location_id
WHERE m.product_id = $product
    AND m.company_id = ANY($companies)
    AND m.date BETWEEN $first AND $last
