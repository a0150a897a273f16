WITH {periods},
known AS (
    -- Twelve month-ends and a year of sales, or there is no figure of a year.
    SELECT periods.period
    FROM periods
    JOIN stock_month_sources AS m ON m.date BETWEEN periods.first AND periods.last
    GROUP BY periods.period, periods.first
    HAVING count(*) = 12 AND periods.first >= (
        SELECT min(date) FROM data_coverage
        WHERE fact_table = 'fact_sales' AND fact_rows IS NOT NULL
    )
),
source AS (
    SELECT s.date, s.company_id, s.product_id, s.gross_profit_tax_ex, NULL AS stock_value
    FROM agg_sales_product_daily AS s
    WHERE s.gross_profit_tax_ex IS NOT NULL
    UNION ALL
    SELECT m.date, m.company_id, m.product_id, NULL, CAST(m.value_tax_ex AS DOUBLE) / 12
    FROM stock_month_ends AS m
    WHERE m.value_tax_ex IS NOT NULL
)
SELECT
    periods.period,{dimensions}
    {kpis}
FROM source AS s
JOIN periods ON s.date BETWEEN periods.first AND periods.last
JOIN known ON known.period = periods.period
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
{vendors}WHERE {where}
GROUP BY ALL
ORDER BY {order}
