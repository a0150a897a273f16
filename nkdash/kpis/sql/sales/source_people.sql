-- One row a day, company, source, store, cashier and salesperson.
SELECT s.*, s.user_id AS salesperson_id
FROM agg_sales_people_daily AS s
WHERE {where}
