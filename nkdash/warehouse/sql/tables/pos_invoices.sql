-- An invoice or credit note of a POS order: its lines are in fact_sales already. Told by the orders
-- alone, never by a state; date is the document's, which may lie after the order's.
--   date [local]: Accounting day of the document
--   move_id: Customer document (account.move)
-- whole: fact_sales fact_invoice_sales
SELECT DISTINCT date, move_id
FROM fact_invoice_sales
SEMI JOIN (SELECT account_move_id AS move_id FROM fact_sales) USING (move_id)
ORDER BY date, move_id
