-- One row: when, where, by and to whom.
SELECT
    t.source,
    t.order_id,
    t.move_id,
    t.order_ref,
    t.date,
    t.ordered_at_local,
    t.pos_config_id,
    coalesce(cashier.name, seller.name) AS seller,
    t.customer_id
FROM fact_transactions AS t
LEFT JOIN dim_employees AS cashier ON cashier.employee_id = t.cashier_id
LEFT JOIN dim_users AS seller ON seller.user_id = t.user_id AND t.source = 'invoice'
WHERE t.txn_key = $transaction AND t.company_id = ANY($companies)
