-- One row a day, company and product; stores and transactions are not here.
SELECT
    s.*,
    p.category_id,
    p.root_category_id,
    p.brand_id,
    p.principal_id
FROM agg_sales_product_daily AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
WHERE {where}
