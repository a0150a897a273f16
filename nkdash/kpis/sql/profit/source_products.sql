-- One row a day, company and product; stores and sources are not here.
SELECT
    s.*,
    s.items - s.returned_units AS net_items,
    p.category_id,
    p.root_category_id,
    p.brand_id,
    p.principal_id,
    {vendor}
FROM agg_sales_product_daily AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
{vendors}WHERE {where}
