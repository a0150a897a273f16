-- One row a day, company and product; stores and sources are not here.
SELECT
    s.*,
    {columns}s.items - s.returned_units AS net_items
FROM agg_sales_product_daily AS s
{joins}WHERE {where}
