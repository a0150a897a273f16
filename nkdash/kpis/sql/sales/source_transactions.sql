-- One row a transaction.
SELECT
    s.date,
    s.txn_key,
    s.company_id,
    s.source,
    s.pos_config_id,
    s.cashier_id,
    s.customer_id,
    CASE WHEN s.source = 'invoice' THEN s.user_id END AS salesperson_id,
    s.hour,
    CAST(NOT s.is_refund AS INTEGER) AS transactions,
    CAST(s.is_refund AS INTEGER) AS refund_transactions,
    CAST(NOT s.is_refund AND s.customer_id IS NOT NULL AS INTEGER) AS customer_transactions,
    CAST(NOT s.is_refund AND s.is_provisional AS INTEGER) AS provisional_transactions,
    s.lines,
    s.items,
    s.returned_units,
    s.gross_tax_in,
    s.discount_tax_in,
    s.returns_tax_in,
    s.revenue_tax_in,
    s.net_tax_ex
FROM fact_transactions AS s
WHERE {where}
