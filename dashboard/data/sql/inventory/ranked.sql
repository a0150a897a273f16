-- One product sold in the period, with its rank, class, share and the share up to it.
SELECT
    source.company_id || '-' || source.product_id AS stock_key,
    source.product_id,
    p.name,
    p.sku,
    p.category,
    p.brand,
    t.name AS vendor,
    source.rank,
    source.class AS abc_class,
    source.amount,
    CAST(greatest(source.amount, 0) AS DOUBLE) / nullif(CAST(source.total AS DOUBLE), 0) AS share,
    CAST(source.before + greatest(source.amount, 0) AS DOUBLE)
        / nullif(CAST(source.total AS DOUBLE), 0) AS cumulated
FROM (
{abc}
) AS source
LEFT JOIN dim_products AS p ON p.product_id = source.product_id
LEFT JOIN product_vendors AS v
    ON v.company_id = source.company_id AND v.product_id = source.product_id
LEFT JOIN dim_partners AS t ON t.partner_id = v.vendor_id
WHERE {where}
