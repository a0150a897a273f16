-- One row a day, company, source, store and source of costs.
SELECT s.*
FROM agg_profit_daily AS s
WHERE {where}
