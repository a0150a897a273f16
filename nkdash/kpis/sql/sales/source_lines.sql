-- One row a transaction, holding only its lines of the chosen products.
SELECT
    t.date,
    t.txn_key,
    t.company_id,
    t.source,
    t.pos_config_id,
    t.cashier_id,
    t.customer_id,
    CASE WHEN t.source = 'invoice' THEN t.user_id END AS salesperson_id,
    t.hour,
    CAST(NOT t.is_refund AS INTEGER) AS transactions,
    CAST(t.is_refund AS INTEGER) AS refund_transactions,
    CAST(NOT t.is_refund AND t.customer_id IS NOT NULL AS INTEGER) AS customer_transactions,
    CAST(NOT t.is_refund AND t.is_provisional AS INTEGER) AS provisional_transactions,
    l.lines,
    l.items,
    l.returned_units,
    l.gross_tax_in,
    l.discount_tax_in,
    l.returns_tax_in,
    l.revenue_tax_in,
    l.net_tax_ex
FROM (
    SELECT
        s.date,
        -- Ids of orders and of documents, apart: a text of each line costs more than all the rest.
        coalesce(s.order_id, -s.move_id) AS basket_id,
        count(*) AS lines,
        {line_measures}
    FROM fact_sales_all AS s
    LEFT JOIN dim_products AS p ON p.product_id = s.product_id
    WHERE {where}
    GROUP BY ALL
) AS l
JOIN fact_transactions AS t
    ON t.date = l.date
    AND coalesce(t.order_id, -t.move_id) = l.basket_id
    AND t.date BETWEEN $from_day AND $to_day
