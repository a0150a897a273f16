-- One product that moved in the period, with its movements by type in product units.
SELECT
    m.company || '-' || m.product AS stock_key,
    m.product AS product_id,
    p.name,
    p.sku,
    p.category,
    p.brand,
    m.* EXCLUDE (period, company, product)
FROM (
{measured}
) AS m
LEFT JOIN dim_products AS p ON p.product_id = m.product
