-- One row a transaction with its lines of the product added up.
SELECT
    s.txn_key,
    -- Documents have a day and no time.
    any_value(coalesce(s.ordered_at_local, CAST(s.date AS TIMESTAMP))) AS ordered_at_local,
    any_value(s.order_ref) AS order_ref,
    any_value(store.name) AS store,
    coalesce(any_value(cashier.name), any_value(seller.name)) AS seller,
    any_value(coalesce(customer.name, CAST(s.customer_id AS VARCHAR))) AS customer,
    sum(s.quantity) AS quantity,
    CAST(sum(s.{revenue}) AS DOUBLE) / nullif(CAST(sum(s.quantity) AS DOUBLE), 0)
        AS average_selling_price,
    sum(s.discount_tax_in) AS discounts,
    sum(s.{revenue}) AS net_revenue
FROM fact_sales_all AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
LEFT JOIN dim_pos_configs AS store ON store.pos_config_id = s.pos_config_id
LEFT JOIN dim_employees AS cashier ON cashier.employee_id = s.cashier_id
LEFT JOIN dim_users AS seller ON seller.user_id = s.user_id AND s.source = 'invoice'
LEFT JOIN dim_partners AS customer ON customer.partner_id = s.customer_id
WHERE {where}
GROUP BY s.txn_key
