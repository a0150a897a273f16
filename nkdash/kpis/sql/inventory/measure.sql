WITH source AS (
{source}
)
SELECT
    source.period,{dimensions}
    {kpis}
FROM source
{joins}WHERE {where}
GROUP BY ALL
ORDER BY {order}
