-- One row a day, company, source, store and hour; documents have no hour.
SELECT s.*
FROM agg_sales_hourly AS s
WHERE {where}
UNION ALL BY NAME
SELECT s.*
FROM agg_sales_daily AS s
WHERE s.source = 'invoice'
    AND {where}
