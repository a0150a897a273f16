-- One day of one store and source, with its transactions added up. Amounts in company currency.
-- transactions leaves out pure refunds (refund_transactions); customer_transactions are those of
-- transactions with a known customer, provisional_transactions those of an open session.
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
GROUP BY date, company_id, source, pos_config_id
ORDER BY date, company_id, source, pos_config_id
