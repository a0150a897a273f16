-- The vendor of a product in a company: whoever sent the newest bill for it (of one day the highest
-- id), free items and refunds left out. A product without a bill has no row.
--   last_date [local]: Day of that bill
--   move_id: The bill
-- whole: fact_purchases
SELECT
    company_id,
    product_id,
    arg_max(vendor_id, (date, move_id)) AS vendor_id,
    max(date) AS last_date,
    arg_max(move_id, (date, move_id)) AS move_id
FROM fact_purchases
WHERE product_id IS NOT NULL AND vendor_id IS NOT NULL AND NOT is_refund AND NOT is_free_item
GROUP BY company_id, product_id
ORDER BY company_id, product_id
