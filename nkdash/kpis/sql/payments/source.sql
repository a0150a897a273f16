-- One payment. Change given back is a negative payment of its own, so the sum is net of it.
SELECT s.date, s.company_id, s.pos_config_id, s.cashier_id, s.payment_method_id, s.amount
FROM fact_payments AS s
WHERE {where}
