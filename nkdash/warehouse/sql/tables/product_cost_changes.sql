-- One vendor bill that changed what a unit of a product costs a company: its cost, and the cost that
-- held before, by the bill before it or, for a first bill, by the opening cost.
--   date [local]: Day of the bill, the first on which the new cost holds
--   move_id: The bill
--   quantity [product unit]: units of the bill's lines that the cost is the mean of
--   cost_unit_tax_ex [company currency per product unit, tax out]: the new cost of one unit
--   cost_unit_tax_in [company currency per product unit, tax in]: the new cost of one unit
--   before_unit_tax_ex [company currency per product unit, tax out]: the cost before
--   before_unit_tax_in [company currency per product unit, tax in]: the cost before; null where
--       unknown
-- whole: fact_product_costs
WITH bills AS (
    SELECT
        date,
        company_id,
        product_id,
        move_id,
        quantity,
        cost_unit_tax_ex,
        cost_unit_tax_in,
        lag(cost_unit_tax_ex) OVER history AS bill_tax_ex,
        lag(cost_unit_tax_in) OVER history AS bill_tax_in
    FROM fact_product_costs
    WHERE cost_source = 'bill'
    WINDOW history AS (PARTITION BY company_id, product_id ORDER BY date)
), compared AS (
    SELECT
        b.* EXCLUDE (bill_tax_ex, bill_tax_in),
        coalesce(b.bill_tax_ex, o.cost_unit_tax_ex) AS before_unit_tax_ex,
        CASE WHEN b.bill_tax_ex IS NULL THEN o.cost_unit_tax_in ELSE b.bill_tax_in END
            AS before_unit_tax_in
    FROM bills AS b
    ASOF LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'opening') AS o
        ON o.company_id = b.company_id AND o.product_id = b.product_id AND o.date <= b.date
)
SELECT
    date, company_id, product_id, move_id, quantity,
    cost_unit_tax_ex, cost_unit_tax_in, before_unit_tax_ex, before_unit_tax_in
FROM compared
WHERE before_unit_tax_ex > 0 AND cost_unit_tax_ex <> before_unit_tax_ex
ORDER BY date, company_id, product_id
