-- One loaded day of sales up to the last complete one (read after it had ended, in the business
-- zone): what the marts are made of. fingerprint changes with the day's lines, so that a mart is made
-- anew when one of these days changes, and not with every refresh of today.
--   fingerprint: hash of the day's files of sales and of the invoices left out of them
-- whole: warehouse_manifest data_coverage pos_invoices
WITH files AS (
    SELECT
        m.day AS date,
        m.table_name,
        m.rows_sha256,
        c.as_of >= timezone('UTC', timezone(getvariable('business_zone'), m.day + INTERVAL 1 DAY))
            AS is_complete
    FROM warehouse_manifest AS m
    LEFT JOIN data_coverage AS c ON c.date = m.day AND c.fact_table = m.table_name
    WHERE m.layer = 'star-schema' AND m.table_name IN ('fact_sales', 'fact_invoice_sales')
), parts AS (
    SELECT date, table_name || ' ' || rows_sha256 AS part FROM files
    UNION ALL
    SELECT date, 'left out ' || move_id FROM pos_invoices
), complete AS (
    SELECT date FROM files GROUP BY date HAVING bool_and(is_complete)
)
SELECT date, md5(string_agg(part, ' ' ORDER BY part)) AS fingerprint
FROM parts
WHERE date <= (SELECT max(date) FROM complete)
GROUP BY date
ORDER BY date
