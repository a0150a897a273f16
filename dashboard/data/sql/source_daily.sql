-- One row a day, company and store.
SELECT
    s.date,
    s.company_id,
    s.pos_config_id,
    s.transactions,
    s.refund_transactions,
    s.customer_transactions,
    s.provisional_transactions,
    s.lines,
    s.items,
    s.returned_units,
    s.gross_tax_in,
    s.discount_tax_in,
    s.returns_tax_in,
    s.revenue_tax_in,
    s.net_tax_ex
FROM agg_sales_daily AS s
WHERE {where}
