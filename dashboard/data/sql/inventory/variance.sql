-- One product at a location whose stock no move explains.
SELECT
    s.date || '-' || s.product_id || '-' || s.location_id AS variance_key,
    s.date,
    s.previous_date,
    s.product_id,
    p.name,
    p.sku,
    l.path AS location,
    s.quantity_before,
    s.moved,
    s.quantity,
    s.variance
FROM stock_variance AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
LEFT JOIN dim_locations AS l ON l.location_id = s.location_id
WHERE {where}
