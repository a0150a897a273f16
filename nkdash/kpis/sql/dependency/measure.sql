WITH {periods},
source AS (
{source}
),
of_vendors AS (
    SELECT
        periods.period,{dimensions}
        source.vendor_id,
        sum(source.net_tax_ex) AS spend
    FROM source
    JOIN periods ON source.date BETWEEN periods.first AND periods.last
    GROUP BY ALL
),
shared AS (
    -- The whole is that of all vendors: a filter on vendors chooses among the shares.
    SELECT *, sum(spend) OVER (PARTITION BY {slice}) AS whole FROM of_vendors
)
SELECT
    period,{names}
    {kpis}
FROM shared
WHERE {chosen}
GROUP BY ALL
ORDER BY {order}
