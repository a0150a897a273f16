-- One row a loaded day: its rows (0 is a day on which nothing happened) and as of when Odoo was read (UTC).
SELECT date, fact_rows AS rows, as_of
FROM data_coverage
WHERE fact_table = $fact AND fact_rows IS NOT NULL
ORDER BY date
