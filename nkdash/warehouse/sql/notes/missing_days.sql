-- Days between the first and the last of a fact that were never loaded.
SELECT
    table_name || ' lacks ' || missing || ' days between ' || first_day || ' and ' || last_day
    AS note
FROM (
    SELECT
        table_name,
        min(day) AS first_day,
        max(day) AS last_day,
        max(day) - min(day) + 1 - count(*) AS missing
    FROM warehouse_manifest
    WHERE layer = 'star-schema' AND day IS NOT NULL
    GROUP BY table_name
)
WHERE missing > 0
ORDER BY table_name
