-- One line of a vendor bill, refund or receipt beside what its product cost before, and what free
-- goods are worth. The bill before is the last of an earlier day for the same product and company;
-- lines that set no cost (refunds, free goods, negative lines, lines without a product) have none.
-- Goods are lines of products that came in: no refunds, and not what takes something off a bill.
-- Company currency, tax out.
--   is_goods: Goods that came in
--   billed_tax_ex [company currency, tax out]: net_tax_ex of what is no refund, else 0
--   returned_tax_ex [company currency, tax out]: - net_tax_ex of a refund, else 0
--   goods_units [product unit]: quantity of goods, free ones too, else 0
--   goods_cost_tax_ex [company currency, tax out]: cost_tax_ex of goods, else 0
--   free_units [product unit]: quantity of free goods, negative in refunds, else 0
--   free_value_tax_ex [company currency, tax out]: free_units x the cost known on their day; 0 where
--       none is known
--   previous_date [local]: Day of the bill before
--   previous_move_id: The bill before
--   previous_cost_unit_tax_ex [company currency per product unit, tax out]: Cost of one unit by it
--   previous_cost_tax_ex [company currency, tax out]: previous_cost_unit_tax_ex x quantity
--   cost_change_tax_ex [company currency, tax out]: (cost_unit_tax_ex - previous_cost_unit_tax_ex) x
--       quantity; null where there is no bill before
-- days: fact_purchases
-- since: fact_product_costs
WITH bills AS (
    FROM fact_product_costs WHERE cost_source = 'bill'
), lines AS (
    SELECT
        *,
        NOT is_refund AND product_id IS NOT NULL AND cost_unit_tax_ex IS NOT NULL AS is_goods
    FROM fact_purchases
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
    s.is_goods,
    s.quantity,
    s.net_tax_ex,
    s.cost_unit_tax_ex,
    CASE WHEN s.is_refund THEN 0 ELSE s.net_tax_ex END::DECIMAL(18, 2) AS billed_tax_ex,
    CASE WHEN s.is_refund THEN -s.net_tax_ex ELSE 0 END::DECIMAL(18, 2) AS returned_tax_ex,
    CASE WHEN s.is_goods THEN s.quantity ELSE 0 END::DECIMAL(18, 4) AS goods_units,
    CASE WHEN s.is_goods THEN s.cost_tax_ex ELSE 0 END::DECIMAL(18, 2) AS goods_cost_tax_ex,
    CASE WHEN s.is_free_item THEN s.quantity ELSE 0 END::DECIMAL(18, 4) AS free_units,
    coalesce(
        CASE WHEN s.is_free_item THEN known.cost_unit_tax_ex::DOUBLE * s.quantity::DOUBLE END, 0
    )::DECIMAL(18, 2) AS free_value_tax_ex,
    before.date AS previous_date,
    before.move_id AS previous_move_id,
    before.cost_unit_tax_ex AS previous_cost_unit_tax_ex,
    (before.cost_unit_tax_ex::DOUBLE * s.quantity::DOUBLE)::DECIMAL(18, 2) AS previous_cost_tax_ex,
    (
        (s.cost_unit_tax_ex - before.cost_unit_tax_ex)::DOUBLE * s.quantity::DOUBLE
    )::DECIMAL(18, 2) AS cost_change_tax_ex
FROM lines AS s
ASOF LEFT JOIN bills AS before
    ON before.product_id = CASE
        WHEN s.is_goods AND NOT s.is_free_item AND s.cost_unit_tax_ex > 0 THEN s.product_id
    END
    AND before.company_id = s.company_id AND before.date < s.date
ASOF LEFT JOIN fact_product_costs AS known
    ON known.product_id = CASE WHEN s.is_free_item THEN s.product_id END
    AND known.company_id = s.company_id AND known.date <= s.date
ORDER BY s.date, s.line_id
