-- One product of a company at the end of a month, all its locations together: what lay there and what
-- it had cost. Only months whose stock is known (stock_month_sources); there a product without a row
-- had no stock. Storable products only.
--   date [local]: Last day of the month
--   company_id: Company of the locations; null where companies share them
--   quantity [product unit]: what lay there at the day's end; negative where more went out than was
--       booked in
--   value_tax_ex [company currency, tax out]: quantity x cost as of that day; null where no cost is
--       known
-- days: stock_month_places
-- since: fact_product_costs
-- after: dim_locations
WITH held AS (
    SELECT p.date, w.company_id, p.product_id, sum(p.quantity)::DECIMAL(18, 4) AS quantity
    FROM stock_month_places AS p
    LEFT JOIN dim_locations AS w ON w.location_id = p.location_id
    GROUP BY p.date, w.company_id, p.product_id
    HAVING sum(p.quantity) <> 0
)
SELECT
    h.date,
    h.company_id,
    h.product_id,
    h.quantity,
    (
        h.quantity::DOUBLE
        * coalesce(b.cost_unit_tax_ex, o.cost_unit_tax_ex, s.cost_unit_tax_ex)::DOUBLE
    )::DECIMAL(18, 2) AS value_tax_ex
FROM held AS h
ASOF LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'bill') AS b
    ON b.product_id = h.product_id AND b.company_id = h.company_id AND b.date <= h.date
ASOF LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'opening') AS o
    ON o.product_id = h.product_id AND o.company_id = h.company_id AND o.date <= h.date
LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'standard_price') AS s
    ON s.product_id = h.product_id AND s.company_id = h.company_id
ORDER BY h.date, h.company_id, h.product_id
