-- One day of one store, cashier and payment method: what was paid at its tills, change given back
-- taken off.
--   payments: payments and change given back
--   amount [company currency, tax in]: what was paid, change and refunds taken off
-- days: fact_payments
SELECT
    date,
    company_id,
    pos_config_id,
    cashier_id,
    payment_method_id,
    count(*) AS payments,
    sum(amount)::DECIMAL(18, 2) AS amount
FROM fact_payments
GROUP BY date, company_id, pos_config_id, cashier_id, payment_method_id
ORDER BY date, company_id, pos_config_id, cashier_id, payment_method_id
