-- One line of a sale, whatever its source: POS lines, and lines of customer invoices, credit notes
-- and receipts that are not a POS order's own. line_id is unique within a source, txn_key everywhere.
-- Invoices have an accounting date and no time of day; user_id is their salesperson.
--   source: pos, or invoice for customer documents
--   txn_key: source and id of the order or document; unique in all sources
--   move_id: Customer document (account.move); null for POS
--   is_provisional: the POS session is still open
--   is_refund: The line is of kind return
-- kind: view
-- days: fact_sales fact_invoice_sales pos_invoices
SELECT
    date,
    'pos' AS source,
    'pos-' || order_id AS txn_key,
    line_id,
    order_id,
    NULL::BIGINT AS move_id,
    order_ref,
    ordered_at_local,
    hour,
    order_state = 'paid' AS is_provisional,
    company_id,
    pos_config_id,
    session_id,
    user_id,
    cashier_id,
    customer_id,
    product_id,
    line_kind,
    quantity,
    price_unit,
    discount_pct,
    gross_tax_in,
    discount_tax_in,
    revenue_tax_in,
    net_tax_ex,
    tax,
    odoo_cost,
    is_refund
FROM fact_sales
UNION ALL
SELECT
    i.date,
    'invoice' AS source,
    'invoice-' || i.move_id AS txn_key,
    i.line_id,
    NULL AS order_id,
    i.move_id,
    i.move_name AS order_ref,
    NULL AS ordered_at_local,
    NULL AS hour,
    false AS is_provisional,
    i.company_id,
    NULL AS pos_config_id,
    NULL AS session_id,
    i.salesperson_id AS user_id,
    NULL AS cashier_id,
    i.customer_id,
    i.product_id,
    i.line_kind,
    i.quantity,
    i.price_unit,
    i.discount_pct,
    i.gross_tax_in,
    i.discount_tax_in,
    i.revenue_tax_in,
    i.net_tax_ex,
    i.tax,
    NULL AS odoo_cost,
    i.line_kind = 'return' AS is_refund
FROM fact_invoice_sales AS i
ANTI JOIN pos_invoices AS p ON p.move_id = i.move_id
