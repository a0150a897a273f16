WITH {periods},
source AS (
{source}
),
customers AS (
    -- One customer of a company in one slice of a period.
    SELECT
        periods.period,{dimensions}
        {customer}
    FROM source
    JOIN periods ON source.date BETWEEN periods.first AND periods.last
    GROUP BY {groups}, source.company_id, source.customer_id
)
SELECT
    {groups},
    {kpis}
FROM customers
GROUP BY {groups}
ORDER BY {groups}
