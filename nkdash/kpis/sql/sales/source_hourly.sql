-- One row a day, company, source, store and hour.
SELECT s.*
FROM agg_sales_hourly AS s
WHERE {where}
