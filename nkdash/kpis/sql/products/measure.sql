WITH {periods},
source AS (
{source}
),
per_product AS (
    SELECT
        periods.period,{dimensions}
        source.product_id,
        sum(source.items) AS items,
        sum(source.{revenue}) AS {revenue}
    FROM source
    JOIN periods ON source.date BETWEEN periods.first AND periods.last
    GROUP BY ALL
),
ranked AS (
    -- Vouchers and mere returns have no place among what was sold, but are part of the revenue.
    SELECT
        *,
        count(*) FILTER (items > 0) OVER (PARTITION BY {slice}) AS products,
        CASE WHEN items > 0 THEN row_number() OVER (
            PARTITION BY {slice}, items > 0 ORDER BY {revenue} DESC, product_id
        ) END AS place
    FROM per_product
)
SELECT
    {slice},
    {kpis}
FROM ranked
GROUP BY {slice}
ORDER BY {slice}
