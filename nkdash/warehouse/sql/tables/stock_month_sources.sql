-- One month whose stock at its end is known, and the snapshot that it is rolled from: the nearest
-- one from which all moves to the month's end are loaded. fingerprint changes with anything that
-- goes into that stock.
--   date [local]: Last day of the month
--   snapshot_date [local]: Day of the snapshot
--   taken_at [UTC]: When the snapshot was taken
--   fingerprint: hash of the snapshot, of the moves in between and of what is storable
-- whole: warehouse_manifest data_coverage stock_snapshots dim_products
WITH loaded AS (
    SELECT date, as_of, row_number() OVER (ORDER BY date) AS number
    FROM data_coverage
    WHERE fact_table = 'fact_inventory_moves'
), months AS (
    SELECT last_day(date) AS date FROM loaded
    UNION
    SELECT date - 1 FROM loaded WHERE day(date) = 1
), candidates AS (
    SELECT
        m.date,
        s.date AS snapshot_date,
        s.taken_at,
        abs(epoch(s.taken_at_local) - epoch((m.date + 1)::TIMESTAMP)) AS distance,
        least(m.date + 1, s.date) AS first_day,
        greatest(m.date, s.date) AS last_day
    FROM months AS m, stock_snapshots AS s
), nearest AS (
    SELECT c.*
    FROM candidates AS c
    JOIN stock_snapshots AS s ON s.date = c.snapshot_date
    JOIN loaded AS f ON f.date = c.first_day
    JOIN loaded AS l ON l.date = c.last_day
    -- No hole between the two; rolled back, the snapshot's own day was read after it.
    WHERE l.number - f.number = l.date - f.date
        AND (c.date >= c.snapshot_date OR l.as_of >= s.read_at)
    QUALIFY row_number() OVER (PARTITION BY c.date ORDER BY c.distance, c.snapshot_date) = 1
), files AS (
    SELECT table_name, day, rows_sha256
    FROM warehouse_manifest
    WHERE layer = 'star-schema'
        AND table_name IN ('fact_stock_on_hand_snapshot', 'fact_inventory_moves')
), not_kept AS (
    SELECT md5(string_agg(product_id, ' ' ORDER BY product_id)) AS products
    FROM dim_products
    WHERE NOT storable
)
SELECT
    n.date,
    n.snapshot_date,
    n.taken_at,
    md5(concat_ws(
        ' ',
        any_value(p.products),
        string_agg(f.rows_sha256, ' ' ORDER BY f.table_name, f.day)
    )) AS fingerprint
FROM nearest AS n
CROSS JOIN not_kept AS p
LEFT JOIN files AS f
    ON (f.table_name = 'fact_inventory_moves' AND f.day BETWEEN n.first_day AND n.last_day)
    OR (f.table_name = 'fact_stock_on_hand_snapshot' AND f.day = n.snapshot_date)
GROUP BY n.date, n.snapshot_date, n.taken_at
ORDER BY n.date
