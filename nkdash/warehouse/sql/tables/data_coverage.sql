-- One day of a dataset that is in the lake: rows as read from Odoo, every state (null: the raw file
-- is gone), rows of its fact (null: not made yet, or the dataset has none), and as of when Odoo was
-- read (UTC). A day whose verdict is 'differs' did not agree with Odoo when it was asked again: its
-- rows are those that were published before (null: none were), and so are the other columns.
--   dataset: Name of the dataset
--   date [local]: Business day
--   rows: rows as read from Odoo, every state; null where the raw file is gone
--   fact_table: Its fact; null where it has none, or none yet
--   fact_rows: rows of its fact; null where it has none, or none yet
--   as_of [UTC]: When Odoo was read
--   verdict: Last reconciliation with Odoo: agrees, differs; null where there was none
--   checked_at [UTC]: When that was
--   differing: Figures that differ
--   is_complete: It was read after the day had ended, in the business zone
-- whole: warehouse_manifest reconciliation
WITH verdicts AS (
    SELECT
        dataset,
        date,
        CASE WHEN bool_and(agrees) THEN 'agrees' ELSE 'differs' END AS verdict,
        max(checked_at) AS checked_at,
        string_agg(figure, ', ' ORDER BY figure) FILTER (NOT agrees) AS differing
    FROM reconciliation
    GROUP BY dataset, date
)
SELECT
    m.dataset,
    m.day AS date,
    max(rows) FILTER (layer = 'raw') AS rows,
    max(table_name) FILTER (layer = 'star-schema') AS fact_table,
    max(rows) FILTER (layer = 'star-schema') AS fact_rows,
    coalesce(
        max(as_of) FILTER (layer = 'raw'), max(as_of) FILTER (layer = 'star-schema')
    ) AS as_of,
    any_value(v.verdict) AS verdict,
    any_value(v.checked_at) AS checked_at,
    any_value(v.differing) AS differing,
    coalesce(
        max(as_of) FILTER (layer = 'raw'), max(as_of) FILTER (layer = 'star-schema')
    ) >= timezone('UTC', timezone(getvariable('business_zone'), m.day + INTERVAL 1 DAY))
        AS is_complete
FROM warehouse_manifest AS m
LEFT JOIN verdicts AS v ON v.dataset = m.dataset AND v.date = m.day
WHERE m.dataset IS NOT NULL AND m.day IS NOT NULL
GROUP BY m.dataset, m.day
HAVING bool_or(layer <> 'quality') OR any_value(v.verdict) = 'differs'
ORDER BY m.dataset, m.day
