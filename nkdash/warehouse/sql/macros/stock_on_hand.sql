-- stock_on_hand(day, products := NULL): what lay where when the local business day ended (for today: as
-- far as it is loaded); of a list of products, or of all. Storable products only, internal and transit
-- locations, in product unit; no row is none. The nearest snapshot from which all moves to that day
-- are loaded, rolled by its moves, or the end of a month rolled from the same snapshot where that is
-- nearer; is_complete is false where there is no such snapshot and the figures therefore cannot be
-- trusted.
--   date [local]: The day asked for
--   company_id: Company of the location
--   product_id: Product
--   location_id: Location
--   quantity [product unit]: what lay there at the day's end
--   snapshot_taken_at [UTC]: When the snapshot was taken that the figure is rolled from
--   is_complete: all moves between that snapshot and the day are loaded
CREATE OR REPLACE MACRO stock_on_hand(day, products := NULL) AS TABLE
WITH nearest AS (
    FROM nearest_snapshot(day)
), month_end AS (
    SELECT m.date
    FROM stock_month_sources AS m
    JOIN nearest AS n
        ON m.snapshot_date = n.snapshot_date AND abs(m.date - n.date) < abs(n.snapshot_date - n.date)
    ORDER BY abs(m.date - n.date), m.date
    LIMIT 1
), base AS (
    SELECT
        n.*,
        m.date AS month_end,
        coalesce(m.date, n.snapshot_date) AS base_date
    FROM nearest AS n
    LEFT JOIN month_end AS m ON true
), days AS (
    -- A join of days, unlike limits that are not known before, lets other days' moves be skipped.
    SELECT unnest(generate_series(
        least(date, base_date)::TIMESTAMP, greatest(date, base_date)::TIMESTAMP, INTERVAL 1 DAY
    ))::DATE AS date
    FROM base
), left_out AS (
    SELECT product_id
    FROM dim_products
    WHERE NOT storable
        OR (products IS NOT NULL AND product_id NOT IN (SELECT unnest(products)))
), parts AS (
    SELECT s.product_id, s.location_id, s.quantity
    FROM fact_stock_on_hand_snapshot AS s
    JOIN base AS b ON b.snapshot_date = s.date AND b.month_end IS NULL
    WHERE s.product_id NOT IN (FROM left_out)
    UNION ALL
    SELECT p.product_id, p.location_id, p.quantity
    FROM stock_month_places AS p
    JOIN base AS b ON b.month_end = p.date
    WHERE p.product_id NOT IN (FROM left_out)
    UNION ALL
    SELECT l.product_id, l.location_id, CASE WHEN l.is_later THEN l.quantity ELSE -l.quantity END
    FROM (
        SELECT
            l.*,
            b.date AS last_date,
            CASE
                WHEN b.month_end IS NULL THEN l.moved_at > b.taken_at
                ELSE l.date > b.month_end
            END AS is_later
        FROM stock_legs AS l
        JOIN days AS d ON d.date = l.date
        CROSS JOIN base AS b
    ) AS l
    WHERE l.is_later = (l.date <= l.last_date)
        AND l.product_id NOT IN (FROM left_out)
), held AS (
    SELECT product_id, location_id, sum(quantity)::DECIMAL(18, 4) AS quantity
    FROM parts
    GROUP BY product_id, location_id
    HAVING sum(quantity) <> 0
)
SELECT
    n.date,
    w.company_id,
    h.product_id,
    h.location_id,
    h.quantity,
    n.taken_at AS snapshot_taken_at,
    n.is_complete
FROM held AS h
CROSS JOIN nearest AS n
LEFT JOIN dim_locations AS w ON w.location_id = h.location_id
