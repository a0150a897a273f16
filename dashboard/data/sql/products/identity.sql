-- One row: what the product is today, and the first and last day on which it was sold at all.
SELECT
    p.product_id,
    p.name,
    p.sku,
    p.barcode,
    p.category_id,
    p.category_path,
    p.brand_id,
    p.brand,
    p.principal_id,
    p.principal,
    p.list_price,
    p.type,
    p.storable,
    p.active,
    u.name AS uom,
    (
        SELECT min(date) FROM agg_sales_product_daily
        WHERE product_id = $product AND company_id = ANY($companies) AND items > 0
    ) AS first_sold,
    (
        SELECT max(date) FROM agg_sales_product_daily
        WHERE product_id = $product AND company_id = ANY($companies) AND items > 0
    ) AS last_sold
FROM dim_products AS p
LEFT JOIN dim_uoms AS u ON u.uom_id = p.uom_id
WHERE p.product_id = $product
