-- One product of a company that was out of stock on some day of the period.
SELECT
    source.company_id || '-' || source.product_id AS stock_key,
    source.product_id,
    p.name,
    p.sku,
    p.category,
    p.brand,
    t.name AS vendor,
    source.lost_days,
    source.lost_units,
    source.lost_revenue
FROM (
{lost}
) AS source
JOIN dim_products AS p ON p.product_id = source.product_id
LEFT JOIN product_vendors AS v
    ON v.company_id = source.company_id AND v.product_id = source.product_id
LEFT JOIN dim_partners AS t ON t.partner_id = v.vendor_id
WHERE {where}
