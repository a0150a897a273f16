-- One row a day, company and product; neither stores nor what products are filed under.
SELECT s.*
FROM agg_sales_product_daily AS s
WHERE {where}
