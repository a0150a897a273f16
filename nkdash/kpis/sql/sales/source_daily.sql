-- One row a day, company, source and store.
SELECT s.*
FROM agg_sales_daily AS s
WHERE {where}
