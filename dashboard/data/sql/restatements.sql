-- The newest first; a table that warehouses of older versions lack.
SELECT * FROM restatements ORDER BY published_at DESC, ALL LIMIT 200
