-- One row a day, company, source, store, category, brand and source of costs.
SELECT s.*
FROM agg_profit_category_daily AS s
WHERE {where}
