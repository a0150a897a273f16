-- Lines added up by day and dimensions; transactions are not here.
SELECT
    s.date,{dimensions}
    count(*) AS lines,
    {line_measures}
FROM fact_sales_all AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
WHERE {where}
GROUP BY ALL
