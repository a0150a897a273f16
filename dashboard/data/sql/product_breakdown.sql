WITH {periods},
source AS (
    SELECT
        s.date,
        p.{key} AS id,
        {line_measures}
    FROM fact_sales_all AS s
    LEFT JOIN dim_products AS p ON p.product_id = s.product_id
    WHERE {where}
    GROUP BY ALL
)
SELECT
    periods.period,
    source.id,
    {kpis}
FROM source
JOIN periods ON source.date BETWEEN periods.first AND periods.last
GROUP BY ALL
ORDER BY periods.period, id
