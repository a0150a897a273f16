-- What lay at one location at the end of a month, so that the stock of any day is rolled from a day
-- near it. Only months whose stock is known (stock_month_sources); there a product without a row had
-- none. Storable products only.
--   date [local]: Last day of the month
--   product_id: Product
--   location_id: Location
--   quantity [product unit]: what lay there at the day's end; negative where more went out than was
--       booked in
-- days: stock_month_sources
-- after: stock_legs fact_stock_on_hand_snapshot dim_products
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
    SELECT date_trunc('month', date) AS month, moved_at, product_id, location_id, quantity
    FROM stock_legs
    WHERE product_id NOT IN (SELECT product_id FROM dim_products WHERE NOT storable)
), whole_months AS (
    SELECT month, product_id, location_id, sum(quantity)::DECIMAL(18, 4) AS quantity
    FROM legs
    GROUP BY month, product_id, location_id
), parts AS (
    SELECT m.date, s.product_id, s.location_id, s.quantity
    FROM months AS m
    JOIN fact_stock_on_hand_snapshot AS s ON s.date = m.snapshot_date
    WHERE s.product_id NOT IN (SELECT product_id FROM dim_products WHERE NOT storable)
    UNION ALL
    SELECT m.date, l.product_id, l.location_id, m.direction * l.quantity
    FROM months AS m
    JOIN whole_months AS l ON l.month BETWEEN m.first_month AND m.last_month
    UNION ALL
    -- Of the snapshot's own month, what lies on this side of it.
    SELECT m.date, l.product_id, l.location_id, m.direction * l.quantity
    FROM months AS m
    JOIN legs AS l ON l.month = m.snapshot_month AND (l.moved_at <= m.taken_at) = m.is_back
)
SELECT date, product_id, location_id, sum(quantity)::DECIMAL(18, 4) AS quantity
FROM parts
GROUP BY date, product_id, location_id
HAVING sum(quantity) <> 0
ORDER BY date, location_id, product_id
