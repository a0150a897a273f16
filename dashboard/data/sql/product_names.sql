SELECT product_id AS id, coalesce(name, 'Product ' || product_id) AS name
FROM dim_products WHERE product_id = ANY($ids)
