SELECT
    'now' AS period,{dimensions}
    {kpis}
FROM (
{products}
) AS e
LEFT JOIN dim_products AS p ON p.product_id = e.product_id
GROUP BY ALL
ORDER BY {order}
