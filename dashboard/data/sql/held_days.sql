-- One row a day of a dataset that the warehouse knows of.
SELECT dataset, date, rows, fact_rows, as_of, verdict, checked_at, differing
FROM data_coverage
ORDER BY dataset, date
