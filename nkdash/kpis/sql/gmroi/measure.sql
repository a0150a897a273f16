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
profit AS (
{profit}
),
stock AS (
{stock}
),
source AS (
    SELECT date, {columns}gross_profit_tax_ex, NULL AS stock_value
    FROM profit
    UNION ALL
    SELECT date, {columns}NULL, stock_value
    FROM stock
)
SELECT
    periods.period,{dimensions}
    {kpis}
FROM source
JOIN periods ON source.date BETWEEN periods.first AND periods.last
JOIN known ON known.period = periods.period
GROUP BY ALL
ORDER BY {order}
