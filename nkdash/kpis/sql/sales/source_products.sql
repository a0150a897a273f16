-- Lines added up by day and dimensions; transactions are not here.
SELECT
    s.date,{dimensions}
    count(*) AS lines,
    {line_measures}
FROM fact_sales_all AS s
{join}WHERE {where}
GROUP BY ALL
