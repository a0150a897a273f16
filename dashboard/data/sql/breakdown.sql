WITH {periods},
source AS (
{source}
)
SELECT
    periods.period,
    source.{key} AS id,
    {kpis}
FROM source
JOIN periods ON source.date BETWEEN periods.first AND periods.last
GROUP BY ALL
ORDER BY periods.period, id
