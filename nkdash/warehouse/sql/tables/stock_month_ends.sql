-- One product of a company at the end of a month, all its locations together: what lay there and what
-- it had cost. Only months whose stock is known (stock_month_sources); there a product without a row
-- had no stock. Storable products only.
--   date [local]: Last day of the month
--   company_id: Company of the locations; null where companies share them
--   quantity [product unit]: what lay there at the day's end; negative where more went out than was
--       booked in
--   value_tax_ex [company currency, tax out]: quantity x cost as of that day; null where no cost is
--       known
-- days: stock_month_sources
-- since: fact_product_costs
-- after: stock_legs fact_stock_on_hand_snapshot dim_locations dim_products
WITH months AS NOT MATERIALIZED (
    SELECT
        date,
        snapshot_date,
        taken_at,
        date_trunc('month', date) AS month,
        date_trunc('month', snapshot_date) AS snapshot_month,
        month < snapshot_month AS is_back,
        CASE WHEN is_back THEN -1 ELSE 1 END AS direction,
        -- The whole months between the two.
        least(month, snapshot_month) + INTERVAL 1 MONTH AS first_month,
        CASE WHEN is_back THEN snapshot_month - INTERVAL 1 MONTH ELSE month END AS last_month
    FROM stock_month_sources
), legs AS NOT MATERIALIZED (
    SELECT date_trunc('month', l.date) AS month, l.moved_at, w.company_id, l.product_id, l.quantity
    FROM stock_legs AS l
    LEFT JOIN dim_locations AS w ON w.location_id = l.location_id
), whole_months AS (
    SELECT month, company_id, product_id, sum(quantity) AS quantity
    FROM legs
    GROUP BY month, company_id, product_id
), parts AS (
    SELECT m.date, w.company_id, s.product_id, s.quantity
    FROM months AS m
    JOIN fact_stock_on_hand_snapshot AS s ON s.date = m.snapshot_date
    LEFT JOIN dim_locations AS w ON w.location_id = s.location_id
    UNION ALL
    SELECT m.date, l.company_id, l.product_id, m.direction * l.quantity
    FROM months AS m
    JOIN whole_months AS l ON l.month BETWEEN m.first_month AND m.last_month
    UNION ALL
    -- Of the snapshot's own month, what lies on this side of it.
    SELECT m.date, l.company_id, l.product_id, m.direction * l.quantity
    FROM months AS m
    JOIN legs AS l ON l.month = m.snapshot_month AND (l.moved_at <= m.taken_at) = m.is_back
), held AS (
    SELECT date, company_id, product_id, sum(quantity)::DECIMAL(18, 4) AS quantity
    FROM parts
    WHERE product_id NOT IN (SELECT product_id FROM dim_products WHERE NOT storable)
    GROUP BY date, company_id, product_id
    HAVING sum(quantity) <> 0
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
