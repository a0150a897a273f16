-- One line of a vendor bill, refund or receipt beside what its product cost before: the unit cost of
-- the last bill of an earlier day in the same company, and what free goods are worth by the last
-- cost up to their day. Company currency, tax out.
--   previous_date [local]: Day of the bill before; null where there is none, and in lines that set
--       no cost (refunds, free goods, negative lines, lines without a product)
--   previous_move_id: The bill before
--   previous_cost_unit_tax_ex [company currency per product unit, tax out]: Cost of one unit by it
--   cost_change_tax_ex [company currency, tax out]: (cost_unit_tax_ex - previous_cost_unit_tax_ex) x
--       quantity
--   free_value_tax_ex [company currency, tax out]: of free goods quantity x the cost known on their
--       day, negative in refunds; null where no cost is known, and in lines that are not free
-- days: fact_purchases
-- since: fact_product_costs
WITH bills AS (
    FROM fact_product_costs WHERE cost_source = 'bill'
)
SELECT
    s.date,
    s.line_id,
    s.move_id,
    s.move_name,
    s.company_id,
    s.vendor_id,
    s.product_id,
    s.is_refund,
    s.is_free_item,
    s.quantity,
    s.net_tax_ex,
    s.cost_tax_ex,
    s.cost_unit_tax_ex,
    before.date AS previous_date,
    before.move_id AS previous_move_id,
    before.cost_unit_tax_ex AS previous_cost_unit_tax_ex,
    (
        (s.cost_unit_tax_ex - before.cost_unit_tax_ex)::DOUBLE * s.quantity::DOUBLE
    )::DECIMAL(18, 2) AS cost_change_tax_ex,
    CASE WHEN s.is_free_item
        THEN (known.cost_unit_tax_ex::DOUBLE * s.quantity::DOUBLE)::DECIMAL(18, 2)
    END AS free_value_tax_ex
FROM fact_purchases AS s
ASOF LEFT JOIN bills AS before
    ON before.product_id = CASE
        WHEN NOT s.is_refund AND NOT s.is_free_item AND s.cost_unit_tax_ex > 0 THEN s.product_id
    END
    AND before.company_id = s.company_id AND before.date < s.date
ASOF LEFT JOIN fact_product_costs AS known
    ON known.product_id = CASE WHEN s.is_free_item THEN s.product_id END
    AND known.company_id = s.company_id AND known.date <= s.date
ORDER BY s.date, s.line_id
