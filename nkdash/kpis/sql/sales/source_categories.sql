-- One row a day, company, store, source, category and brand; transactions are not here.
SELECT s.*
FROM agg_sales_category_daily AS s
WHERE {where}
