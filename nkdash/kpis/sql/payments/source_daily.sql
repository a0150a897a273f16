-- One row a day, company, store, cashier and payment method.
SELECT s.*
FROM agg_payments_daily AS s
WHERE {where}
