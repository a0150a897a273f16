-- One row a transaction with its lines of the product added up; names are joined to those only.
WITH sold AS (
    SELECT
        s.source,
        s.order_id,
        s.move_id,
        -- Documents have a day and no time.
        any_value(coalesce(s.ordered_at_local, CAST(s.date AS TIMESTAMP))) AS ordered_at_local,
        any_value(s.order_ref) AS order_ref,
        any_value(s.pos_config_id) AS pos_config_id,
        any_value(s.cashier_id) AS cashier_id,
        any_value(s.user_id) AS user_id,
        any_value(s.customer_id) AS customer_id,
        sum(s.quantity) AS quantity,
        sum(s.discount_tax_in) AS discounts,
        sum(s.{revenue}) AS net_revenue
    FROM fact_sales_all AS s
    {join}
    WHERE {where}
    GROUP BY s.source, s.order_id, s.move_id
)
SELECT
    s.source || '-' || coalesce(s.order_id, s.move_id) AS txn_key,
    s.ordered_at_local,
    s.order_ref,
    store.name AS store,
    coalesce(cashier.name, seller.name) AS seller,
    coalesce(customer.name, CAST(s.customer_id AS VARCHAR)) AS customer,
    s.quantity,
    CAST(s.net_revenue AS DOUBLE) / nullif(CAST(s.quantity AS DOUBLE), 0) AS average_selling_price,
    s.discounts,
    s.net_revenue
FROM sold AS s
LEFT JOIN dim_pos_configs AS store ON store.pos_config_id = s.pos_config_id
LEFT JOIN dim_employees AS cashier ON cashier.employee_id = s.cashier_id
LEFT JOIN dim_users AS seller ON seller.user_id = s.user_id AND s.source = 'invoice'
LEFT JOIN dim_partners AS customer ON customer.partner_id = s.customer_id
