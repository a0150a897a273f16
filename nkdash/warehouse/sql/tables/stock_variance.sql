-- Stock that no move explains: one product at one location where a snapshot differs from the one
-- before it plus the moves between the two (variance = quantity - quantity_before - moved, product
-- unit). date is the later snapshot's. A span whose moves are not all loaded is not compared
-- (stock_snapshots.moves_known); one that was, and has no rows here, is right.
--   date [local]: Day of the later snapshot
--   quantity_before [product unit]: what the snapshot before held
--   moved [product unit]: sum of the moves between the two, + in, - out
--   quantity [product unit]: what this snapshot holds
--   variance [product unit]: quantity - quantity_before - moved
--   previous_date [local]: Day of the snapshot before
--   previous_taken_at [UTC]: When the snapshot before was taken
-- days: stock_snapshots stock_legs
WITH spans AS NOT MATERIALIZED (
    SELECT date, previous_date, taken_at, previous_taken_at
    FROM stock_snapshots
    WHERE moves_known
), parts AS (
    SELECT
        n.date, s.company_id, s.product_id, s.location_id,
        0 AS before, 0 AS moved, s.quantity AS after
    FROM fact_stock_on_hand_snapshot AS s
    JOIN spans AS n ON n.date = s.date
    UNION ALL
    SELECT n.date, s.company_id, s.product_id, s.location_id, s.quantity, 0, 0
    FROM fact_stock_on_hand_snapshot AS s
    JOIN spans AS n ON n.previous_date = s.date
    UNION ALL
    SELECT n.date, l.company_id, l.product_id, l.location_id, 0, l.quantity, 0
    FROM stock_legs AS l
    JOIN spans AS n ON l.moved_at > n.previous_taken_at AND l.moved_at <= n.taken_at
    WHERE l.product_id NOT IN (SELECT product_id FROM dim_products WHERE NOT storable)
), differing AS (
    SELECT
        date,
        max(company_id) AS company_id,
        product_id,
        location_id,
        sum(before)::DECIMAL(18, 4) AS quantity_before,
        sum(moved)::DECIMAL(18, 4) AS moved,
        sum(after)::DECIMAL(18, 4) AS quantity,
        (sum(after) - sum(before) - sum(moved))::DECIMAL(18, 4) AS variance
    FROM parts
    GROUP BY date, product_id, location_id
    HAVING sum(after) - sum(before) - sum(moved) <> 0
)
SELECT d.*, n.previous_date, n.taken_at, n.previous_taken_at
FROM differing AS d
JOIN spans AS n ON n.date = d.date
ORDER BY d.date, d.company_id, d.product_id, d.location_id
