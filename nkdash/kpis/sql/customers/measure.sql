WITH {periods},
source AS (
{source}
),
customers AS (
    -- One customer of a company in one slice of a period.
    SELECT
        periods.period,{dimensions}
        source.company_id,
        source.customer_id,
        {customer}
    FROM source
    JOIN periods ON source.date BETWEEN periods.first AND periods.last
    GROUP BY ALL
)
SELECT
    {groups},
    {kpis}
FROM customers
GROUP BY ALL
ORDER BY {groups}
