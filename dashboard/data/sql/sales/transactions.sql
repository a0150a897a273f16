SELECT
    s.txn_key,
    -- Documents have a day and no time.
    coalesce(s.ordered_at_local, CAST(s.date AS TIMESTAMP)) AS ordered_at_local,
    s.order_ref,
    store.name AS store,
    -- Receipts have a cashier, documents a salesperson.
    coalesce(cashier.name, seller.name) AS seller,
    coalesce(customer.name, CAST(s.customer_id AS VARCHAR)) AS customer,
    s.lines,
    s.items,
    s.gross_tax_in AS gross_sales,
    s.discount_tax_in AS discounts,
    s.returns_tax_in AS returns,
    s.{revenue} AS net_revenue,
    s.is_refund
FROM fact_transactions AS s
LEFT JOIN dim_pos_configs AS store ON store.pos_config_id = s.pos_config_id
LEFT JOIN dim_employees AS cashier ON cashier.employee_id = s.cashier_id
LEFT JOIN dim_users AS seller ON seller.user_id = s.user_id AND s.source = 'invoice'
LEFT JOIN dim_partners AS customer ON customer.partner_id = s.customer_id
WHERE {where}
