-- nearest_snapshot(day): the snapshot that the stock at the end of a local business day is rolled from,
-- one row: the nearest one from which all moves to that day are loaded, else the nearest. No row where
-- no snapshot was ever taken.
--   date [local]: The day asked for
--   snapshot_date [local]: Day of the snapshot
--   taken_at [UTC]: When the snapshot was taken
--   is_complete: all moves between that snapshot and the day are loaded
CREATE OR REPLACE MACRO nearest_snapshot(day) AS TABLE
WITH asked AS (
    SELECT day::DATE AS date
), candidates AS (
    SELECT
        a.date,
        s.date AS snapshot_date,
        s.taken_at,
        abs(epoch(s.taken_at_local) - epoch((a.date + 1)::TIMESTAMP)) AS distance,
        (
            SELECT
                count(*) = abs(a.date - s.date) + (a.date >= s.date)::INTEGER
                AND coalesce(
                    bool_and(a.date >= s.date OR c.date < s.date OR c.as_of >= s.read_at), true
                )
            FROM data_coverage AS c
            WHERE c.fact_table = 'fact_inventory_moves'
                AND c.date BETWEEN least(a.date + 1, s.date) AND greatest(a.date, s.date)
        ) AS is_complete
    FROM stock_snapshots AS s, asked AS a
)
SELECT date, snapshot_date, taken_at, is_complete
FROM candidates
ORDER BY is_complete DESC, distance, snapshot_date
LIMIT 1
