-- One transaction: a POS order, or a customer document that is none's, with its lines added up.
-- Amounts in company currency. Documents have no hour and no store; user_id is their salesperson.
-- items counts units of kinds sale, free and service, returned_units those of kind return;
-- revenue_tax_in = gross_tax_in - discount_tax_in - returns_tax_in. is_refund: goods came back and
-- none went out. is_provisional: the session of the till is still open.
--   order_id: POS order; null for documents
--   hour [local]: Hour of the day; null for documents
--   is_provisional: the session of the till is still open
--   lines: lines of sales, discount lines too
--   items [product unit]: units of kinds sale, free and service
--   returned_units [product unit]: units of kind return, positive
--   gross_tax_in [company currency, tax in]: before discounts, of kinds sale, free and service
--   discount_tax_in [company currency, tax in]: discounts of all lines but returns, vouchers too
--   returns_tax_in [company currency, tax in]: what was paid back for lines of kind return,
--       positive
--   revenue_tax_in [company currency, tax in]: gross_tax_in - discount_tax_in - returns_tax_in
--   net_tax_ex [company currency, tax out]: net revenue of all lines
--   tax [company currency]: revenue_tax_in - net_tax_ex
--   is_refund: goods came back (kind return) and none went out (kinds sale, free, service)
-- days: fact_sales_all
SELECT
    any_value(txn_key) AS txn_key,
    source,
    order_id,
    move_id,
    min(order_ref) AS order_ref,
    date,
    min(ordered_at_local) AS ordered_at_local,
    min(hour) AS hour,
    min(company_id) AS company_id,
    min(pos_config_id) AS pos_config_id,
    min(session_id) AS session_id,
    min(user_id) AS user_id,
    min(cashier_id) AS cashier_id,
    min(customer_id) AS customer_id,
    bool_or(is_provisional) AS is_provisional,
    count(*) AS lines,
    coalesce(sum(quantity) FILTER (line_kind IN ('sale', 'free', 'service')), 0)
        ::DECIMAL(18, 4) AS items,
    coalesce(-sum(quantity) FILTER (line_kind = 'return'), 0)::DECIMAL(18, 4) AS returned_units,
    coalesce(sum(gross_tax_in) FILTER (line_kind IN ('sale', 'free', 'service')), 0)
        ::DECIMAL(18, 2) AS gross_tax_in,
    coalesce(sum(discount_tax_in) FILTER (line_kind <> 'return'), 0)
        ::DECIMAL(18, 2) AS discount_tax_in,
    coalesce(-sum(revenue_tax_in) FILTER (line_kind = 'return'), 0)
        ::DECIMAL(18, 2) AS returns_tax_in,
    sum(revenue_tax_in)::DECIMAL(18, 2) AS revenue_tax_in,
    sum(net_tax_ex)::DECIMAL(18, 2) AS net_tax_ex,
    sum(tax)::DECIMAL(18, 2) AS tax,
    bool_or(line_kind = 'return') AND NOT bool_or(line_kind IN ('sale', 'free', 'service'))
        AS is_refund
FROM fact_sales_all
GROUP BY date, source, order_id, move_id
ORDER BY date, source, order_id, move_id
