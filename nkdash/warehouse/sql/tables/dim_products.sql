-- One product variant, with the names of its category, brand and principal as they are today.
--   category: Name of the category
--   category_path: Names from the root category down
--   root_category_id: Root category
--   root_category: Name of the root category
--   brand: Name of the brand
--   principal: Name of the brand's principal
-- whole: dim_products dim_categories dim_brands dim_partners
SELECT
    p.*,
    c.name AS category,
    c.path AS category_path,
    c.root_id AS root_category_id,
    r.name AS root_category,
    b.name AS brand,
    b.principal_id,
    a.name AS principal
FROM base.dim_products AS p
LEFT JOIN dim_categories AS c ON c.category_id = p.category_id
LEFT JOIN dim_categories AS r ON r.category_id = c.root_id
LEFT JOIN dim_brands AS b ON b.brand_id = p.brand_id
LEFT JOIN dim_partners AS a ON a.partner_id = b.principal_id
ORDER BY p.product_id
