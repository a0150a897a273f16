-- One stock move of a storable product; signed is + into our stock and - out of it, or into and out of
-- the chosen stores' warehouses.
SELECT
    s.date,
    s.company_id,
    s.product_id,
    p.category_id,
    p.root_category_id,
    p.brand_id,
    p.principal_id,
    s.movement_type,
    s.quantity,
    {signed} AS signed{cost}
FROM fact_inventory_moves AS s
JOIN dim_products AS p ON p.product_id = s.product_id AND p.storable
{costs}WHERE {where}
