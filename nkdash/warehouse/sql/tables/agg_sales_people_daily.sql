-- One day of one store, source, cashier and salesperson, with its transactions added up. Columns as in
-- agg_sales_daily.
--   user_id: salesperson of customer documents; null at the tills
--   transactions: transactions but pure refunds
--   refund_transactions: pure refunds
--   customer_transactions: those of transactions with a known customer
--   provisional_transactions: those of transactions whose session is still open
-- days: fact_transactions
SELECT
    date,
    company_id,
    source,
    pos_config_id,
    cashier_id,
    CASE WHEN source = 'invoice' THEN user_id END AS user_id,
    count(*) FILTER (NOT is_refund) AS transactions,
    count(*) FILTER (is_refund) AS refund_transactions,
    count(*) FILTER (NOT is_refund AND customer_id IS NOT NULL) AS customer_transactions,
    count(*) FILTER (NOT is_refund AND is_provisional) AS provisional_transactions,
    sum(lines)::BIGINT AS lines,
    sum(items)::DECIMAL(18, 4) AS items,
    sum(returned_units)::DECIMAL(18, 4) AS returned_units,
    sum(gross_tax_in)::DECIMAL(18, 2) AS gross_tax_in,
    sum(discount_tax_in)::DECIMAL(18, 2) AS discount_tax_in,
    sum(returns_tax_in)::DECIMAL(18, 2) AS returns_tax_in,
    sum(revenue_tax_in)::DECIMAL(18, 2) AS revenue_tax_in,
    sum(net_tax_ex)::DECIMAL(18, 2) AS net_tax_ex,
    sum(tax)::DECIMAL(18, 2) AS tax
FROM fact_transactions
GROUP BY ALL
ORDER BY date, company_id, source, pos_config_id, cashier_id, 6
