WITH {periods},
source AS (
{source}
)
SELECT
    periods.period,
    {kind} AS kind,
    {record} AS id,
    {kpis}
FROM source
JOIN periods ON source.date BETWEEN periods.first AND periods.last
GROUP BY {groups}
ORDER BY period, kind, id
