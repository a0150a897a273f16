WITH {periods}
SELECT
    periods.period,
    s.{key} AS id,
    {kpis}
FROM agg_sales_category_daily AS s
JOIN periods ON s.date BETWEEN periods.first AND periods.last
WHERE {where}
GROUP BY ALL
ORDER BY periods.period, id
