-- One row a day, company, source, store and slice of a kind; slices of a kind may overlap.
SELECT s.*{column}
FROM agg_sales_slice_daily AS s
WHERE s.kind = '{kind}'
    AND {where}
