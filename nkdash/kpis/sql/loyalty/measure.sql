WITH {periods},
source AS (
{source}
),
customers AS (
    -- One customer of a company in one slice of the 365 days to the end of a period.
    SELECT
        periods.period,{dimensions}
        source.company_id,
        source.customer_id,
        1 AS customers,
        CAST(count(*) >= 2 AS INTEGER) AS repeaters
    FROM source
    JOIN periods ON source.date BETWEEN periods.last - 364 AND periods.last
    WHERE source.customer_id IS NOT NULL AND source.transactions > 0
    GROUP BY ALL
)
SELECT
    {groups},
    {kpis}
FROM customers
GROUP BY ALL
ORDER BY {groups}
