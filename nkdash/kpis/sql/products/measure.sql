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
        CASE WHEN items > 0 THEN row_number() OVER (
            PARTITION BY {slice}, items > 0 ORDER BY {revenue} DESC, product_id
        ) END AS place
    FROM per_product
),
counted AS (
    SELECT r.*, c.products
    FROM ranked AS r
    JOIN (
        SELECT {slice}, count(*) FILTER (items > 0) AS products FROM per_product GROUP BY {slice}
    ) AS c ON {same_slice}
)
SELECT
    {slice},
    {kpis}
FROM counted
GROUP BY {slice}
ORDER BY {slice}
