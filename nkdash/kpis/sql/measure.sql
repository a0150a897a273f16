WITH {periods},
source AS (
{source}
)
SELECT
    periods.period,{dimensions}
    {kpis}
FROM source
JOIN periods ON source.date BETWEEN periods.first AND periods.last
GROUP BY ALL
ORDER BY {order}
