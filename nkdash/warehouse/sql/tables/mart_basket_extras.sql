-- A product that tells nothing about what people buy together: a service or fee, and goods of which
-- no stock is kept (bags), unless the retailer keeps stock of nothing.
-- whole: dim_products
SELECT product_id
FROM dim_products
WHERE type = 'service' OR (NOT storable AND (SELECT bool_or(storable) FROM dim_products))
ORDER BY product_id
