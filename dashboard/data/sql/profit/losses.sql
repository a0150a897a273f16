-- One line that was sold for less than its goods had cost.
SELECT
    s.txn_key || '/' || s.line_id AS line_key,
    s.date,
    coalesce(p.name, 'Product ' || s.product_id) AS name,
    store.name AS store,
    cashier.name AS cashier,
    s.quantity,
    s.{revenue} AS net_revenue,
    s.{cogs} AS cogs,
    -s.{profit} AS lost,
    CASE WHEN s.gross_tax_in > 0
        THEN CAST(s.discount_tax_in AS DOUBLE) / CAST(s.gross_tax_in AS DOUBLE) END
        AS discount_rate,
    p.sku
FROM fact_sales_profit AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
LEFT JOIN dim_pos_configs AS store ON store.pos_config_id = s.pos_config_id
LEFT JOIN dim_employees AS cashier ON cashier.employee_id = s.cashier_id
WHERE {where}
    AND s.{profit} < 0
    AND s.quantity > 0
