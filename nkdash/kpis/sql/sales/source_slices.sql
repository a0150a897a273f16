-- One row a day, company, source, store and slice of some kinds; slices of a kind do not overlap.
SELECT s.*
FROM agg_sales_slice_daily AS s
WHERE s.kind IN ({kinds})
    AND {where}
