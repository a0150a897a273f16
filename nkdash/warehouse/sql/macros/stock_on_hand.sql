-- stock_on_hand(day): what lay where when the local business day ended (for today: as far as it is
-- loaded). Storable products only, internal and transit locations, in product unit; no row is none.
-- The nearest snapshot from which all moves to that day are loaded, rolled by its moves; is_complete
-- is false where there is no such snapshot and the figures therefore cannot be trusted.
--   date [local]: The day asked for
--   company_id: Company of the location
--   product_id: Product
--   location_id: Location
--   quantity [product unit]: what lay there at the day's end
--   snapshot_taken_at [UTC]: When the snapshot was taken that the figure is rolled from
--   is_complete: all moves between that snapshot and the day are loaded
CREATE OR REPLACE MACRO stock_on_hand(day) AS TABLE
WITH asked AS (
    SELECT day::DATE AS last_date
), candidates AS (
    SELECT
        s.date,
        s.taken_at,
        a.last_date,
        abs(epoch(s.taken_at_local) - epoch((a.last_date + 1)::TIMESTAMP)) AS distance,
        (
            SELECT
                count(*) = abs(a.last_date - s.date) + (a.last_date >= s.date)::INTEGER
                AND coalesce(
                    bool_and(a.last_date >= s.date OR c.date < s.date OR c.as_of >= s.read_at),
                    true
                )
            FROM data_coverage AS c
            WHERE c.fact_table = 'fact_inventory_moves'
                AND c.date BETWEEN least(a.last_date + 1, s.date) AND greatest(a.last_date, s.date)
        ) AS is_complete
    FROM stock_snapshots AS s, asked AS a
), nearest AS (
    SELECT * FROM candidates ORDER BY is_complete DESC, distance, date LIMIT 1
), parts AS (
    SELECT s.product_id, s.location_id, s.quantity
    FROM fact_stock_on_hand_snapshot AS s
    JOIN nearest AS n ON n.date = s.date
    UNION ALL
    SELECT
        l.product_id,
        l.location_id,
        CASE WHEN l.moved_at > n.taken_at THEN l.quantity ELSE -l.quantity END
    FROM stock_legs AS l, nearest AS n
    WHERE (
            (l.moved_at > n.taken_at AND l.date <= n.last_date)
            OR (l.moved_at <= n.taken_at AND l.date > n.last_date)
        )
        AND l.product_id NOT IN (SELECT product_id FROM dim_products WHERE NOT storable)
), held AS (
    SELECT product_id, location_id, sum(quantity)::DECIMAL(18, 4) AS quantity
    FROM parts
    GROUP BY product_id, location_id
    HAVING sum(quantity) <> 0
)
SELECT
    n.last_date AS date,
    w.company_id,
    h.product_id,
    h.location_id,
    h.quantity,
    n.taken_at AS snapshot_taken_at,
    n.is_complete
FROM held AS h
CROSS JOIN nearest AS n
LEFT JOIN dim_locations AS w ON w.location_id = h.location_id
