-- One line of a sale with the cost of its goods as of its day. cost_source in order of trust: bill
-- (the last on or before the day), opening, then only as NKDASH_COST_FALLBACK says odoo_line_cost or
-- standard_price (which know no tax). Without a cost cogs and profit are null, never 0. cogs =
-- cost_unit x quantity, negative for what comes back. Company currency, in both tax bases.
--   cost_source: bill, opening, odoo_line_cost or standard_price; null where no cost is known
--   cost_unit_tax_ex [company currency per product unit, tax out]: Cost of one unit as of date
--   cost_unit_tax_in [company currency per product unit, tax in]: Cost of one unit as of date
--   cogs_tax_ex [company currency, tax out]: cost_unit_tax_ex x quantity; null where no cost is
--       known
--   cogs_tax_in [company currency, tax in]: cost_unit_tax_in x quantity; null where no cost is
--       known
--   gross_profit_tax_ex [company currency, tax out]: net_tax_ex - cogs_tax_ex
--   gross_profit_tax_in [company currency, tax in]: revenue_tax_in - cogs_tax_in
-- days: fact_sales_all
-- since: fact_product_costs
WITH sold AS (
    SELECT
        date, source, txn_key, line_id, order_id, move_id, company_id, pos_config_id, user_id,
        cashier_id, customer_id, product_id, line_kind, quantity, gross_tax_in, discount_tax_in,
        revenue_tax_in, net_tax_ex,
        CASE
            WHEN getvariable('cost_fallback') = 'odoo_line_cost' AND quantity <> 0
            THEN nullif(odoo_cost, 0)
        END AS odoo_cost
    FROM fact_sales_all
), costed AS (
    SELECT
        s.*,
        CASE
            WHEN b.cost_source IS NOT NULL THEN b.cost_source
            WHEN o.cost_source IS NOT NULL THEN o.cost_source
            WHEN s.odoo_cost IS NOT NULL THEN 'odoo_line_cost'
            ELSE p.cost_source
        END AS cost_source,
        coalesce(
            b.cost_unit_tax_ex,
            o.cost_unit_tax_ex,
            (s.odoo_cost::DOUBLE / s.quantity::DOUBLE)::DECIMAL(18, 6),
            p.cost_unit_tax_ex
        ) AS cost_unit_tax_ex,
        CASE WHEN b.cost_source IS NULL THEN o.cost_unit_tax_in ELSE b.cost_unit_tax_in END
            AS cost_unit_tax_in
    FROM sold AS s
    ASOF LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'bill') AS b
        ON b.product_id = s.product_id AND b.company_id = s.company_id AND b.date <= s.date
    ASOF LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'opening') AS o
        ON o.product_id = s.product_id AND o.company_id = s.company_id AND o.date <= s.date
    LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'standard_price') AS p
        ON p.product_id = s.product_id AND p.company_id = s.company_id
)
SELECT
    * EXCLUDE (odoo_cost),
    (cost_unit_tax_ex::DOUBLE * quantity::DOUBLE)::DECIMAL(18, 2) AS cogs_tax_ex,
    (cost_unit_tax_in::DOUBLE * quantity::DOUBLE)::DECIMAL(18, 2) AS cogs_tax_in,
    (net_tax_ex - cogs_tax_ex)::DECIMAL(18, 2) AS gross_profit_tax_ex,
    (revenue_tax_in - cogs_tax_in)::DECIMAL(18, 2) AS gross_profit_tax_in
FROM costed
ORDER BY date, source, line_id
