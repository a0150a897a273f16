-- One day of a dataset that is in the lake: rows as read from Odoo, every state (null: the raw file
-- is gone), rows of its fact (null: not made yet, or the dataset has none), and as of when Odoo was
-- read (UTC).
-- whole: warehouse_manifest
SELECT
    dataset,
    day AS date,
    max(rows) FILTER (layer = 'raw') AS rows,
    max(table_name) FILTER (layer = 'star-schema') AS fact_table,
    max(rows) FILTER (layer = 'star-schema') AS fact_rows,
    coalesce(max(as_of) FILTER (layer = 'raw'), max(as_of)) AS as_of
FROM warehouse_manifest
WHERE dataset IS NOT NULL AND day IS NOT NULL
GROUP BY dataset, day
ORDER BY dataset, day
