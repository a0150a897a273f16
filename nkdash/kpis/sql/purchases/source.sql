-- One row a day, company and vendor; with product dimensions one for each category and brand too.
SELECT s.*
FROM {table} AS s
WHERE {where}
