SELECT
    e.product_id,
    coalesce(p.name, 'Product ' || e.product_id) AS name,
    p.sku,
    e.standing,
    e.revenue_change,
    e.revenue_now,
    e.revenue_base,
    e.price_effect,
    e.volume_effect,
    e.mix_effect,
    e.units_now,
    e.units_base,
    p.category,
    p.brand
FROM (
{effects}
) AS e
LEFT JOIN dim_products AS p ON p.product_id = e.product_id
WHERE e.product_id IS NOT NULL
