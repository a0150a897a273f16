-- One snapshot of stock: taken_at (UTC) and taken_at_local by the clock of NKDash, read_at (UTC) by
-- that of the machine, and the snapshot before it. moves_known: the stock moves of every day between
-- the two are loaded, those of the last day after this snapshot; false for the first. fingerprint
-- changes with anything that the span between the two is compared by.
--   read_at [UTC]: When Odoo was read, by the clock of the machine
--   quants: quants in the snapshot
--   previous_date [local]: Day of the snapshot before
--   previous_taken_at [UTC]: When the snapshot before was taken
--   moves_known: all moves between the two are loaded
--   fingerprint: hash of all that the span between the two is compared by
-- whole: warehouse_manifest data_coverage fact_stock_on_hand_snapshot dim_products
WITH taken AS (
    SELECT
        date,
        min(taken_at) AS taken_at,
        min(taken_at_local) AS taken_at_local,
        count(*) AS quants
    FROM fact_stock_on_hand_snapshot
    GROUP BY date
), following AS (
    SELECT
        t.date,
        t.taken_at,
        t.taken_at_local,
        c.as_of AS read_at,
        t.quants,
        lag(t.date) OVER by_day AS previous_date,
        lag(t.taken_at) OVER by_day AS previous_taken_at
    FROM taken AS t
    LEFT JOIN data_coverage AS c
        ON c.date = t.date AND c.fact_table = 'fact_stock_on_hand_snapshot'
    WINDOW by_day AS (ORDER BY t.date)
), files AS (
    SELECT table_name, day, rows_sha256
    FROM warehouse_manifest
    WHERE table_name IN ('fact_stock_on_hand_snapshot', 'fact_inventory_moves')
), not_kept AS (
    SELECT md5(string_agg(product_id, ' ' ORDER BY product_id)) AS products
    FROM dim_products
    WHERE NOT storable
)
SELECT
    f.*,
    f.previous_date IS NOT NULL AND (
        SELECT
            count(*) = f.date - f.previous_date + 1
            AND coalesce(bool_and(c.date < f.date OR c.as_of >= f.read_at), false)
        FROM data_coverage AS c
        WHERE c.fact_table = 'fact_inventory_moves'
            AND c.date BETWEEN f.previous_date AND f.date
    ) AS moves_known,
    (
        SELECT md5(concat_ws(
            ' ', any_value(p.products), string_agg(h.rows_sha256, ' ' ORDER BY h.table_name, h.day)
        ))
        FROM files AS h, not_kept AS p
        WHERE h.day BETWEEN coalesce(f.previous_date, f.date) AND f.date
    ) AS fingerprint
FROM following AS f
ORDER BY date
