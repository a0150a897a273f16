-- Stores, cashiers and payment methods that occur in the facts: only these are worth offering.
SELECT 'store' AS kind, pos_config_id AS id FROM agg_sales_daily WHERE pos_config_id IS NOT NULL
UNION
SELECT 'cashier', cashier_id FROM fact_transactions WHERE cashier_id IS NOT NULL
UNION
SELECT 'method', payment_method_id FROM fact_payments WHERE payment_method_id IS NOT NULL
