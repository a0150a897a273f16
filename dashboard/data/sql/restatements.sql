-- The newest changes of days that had been published; warehouses of older versions lack the table.
SELECT date, table_name, measure, value_before, value_after, version, published_at
FROM restatements
ORDER BY version DESC, date DESC, table_name, measure
LIMIT 200
