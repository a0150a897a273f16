-- What lies where at the end of the range; is_complete says whether that can be trusted.
SELECT
    s.location_id,
    coalesce(l.path, l.name, 'Location ' || s.location_id) AS location,
    l.usage,
    s.quantity,
    s.is_complete
FROM stock_on_hand($day) AS s
LEFT JOIN dim_locations AS l ON l.location_id = s.location_id
WHERE s.product_id = $product AND (s.company_id = ANY($companies) OR s.company_id IS NULL)
ORDER BY s.quantity DESC, location
