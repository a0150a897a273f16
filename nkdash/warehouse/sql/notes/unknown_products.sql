-- Products that were sold but are in no dimension: their names and categories are null.
SELECT count(*) || ' products of fact_sales are not in dim_products' AS note
FROM (SELECT DISTINCT product_id FROM fact_sales) AS sold
ANTI JOIN dim_products USING (product_id)
HAVING count(*) > 0
