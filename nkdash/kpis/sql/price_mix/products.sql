WITH {periods},
source AS (
{source}
),
per_product AS (
    SELECT
        source.product_id,
        coalesce(sum(source.{revenue}) FILTER (period = 'now'), 0) AS revenue_now,
        coalesce(sum(source.{revenue}) FILTER (period = 'base'), 0) AS revenue_base,
        coalesce(sum(source.items - source.returned_units) FILTER (period = 'now'), 0)
            AS units_now,
        coalesce(sum(source.items - source.returned_units) FILTER (period = 'base'), 0)
            AS units_base
    FROM source
    JOIN periods ON source.date BETWEEN periods.first AND periods.last
    WHERE $compared
    GROUP BY source.product_id
),
sorted AS (
    SELECT
        *,
        revenue_now - revenue_base AS revenue_change,
        CASE
            WHEN units_now > 0 AND units_base > 0 THEN 'kept'
            WHEN units_now > 0 THEN 'new'
            WHEN units_base > 0 THEN 'gone'
            ELSE 'other'
        END AS standing
    FROM per_product
),
grown AS (
    SELECT
        CAST(sum(units_now) FILTER (standing = 'kept') AS DOUBLE)
            / CAST(sum(units_base) FILTER (standing = 'kept') AS DOUBLE) AS growth
    FROM sorted
),
parted AS (
    SELECT
        s.*,
        CASE WHEN standing = 'kept' THEN round(
            CAST(revenue_now AS DOUBLE)
            - CAST(revenue_base AS DOUBLE) * CAST(units_now AS DOUBLE)
                / CAST(units_base AS DOUBLE), 2)::DECIMAL(38, 2) ELSE 0 END AS price_effect,
        CASE WHEN standing = 'kept' THEN round(
            CAST(revenue_base AS DOUBLE) * (g.growth - 1), 2)::DECIMAL(38, 2) ELSE 0 END
            AS volume_effect
    FROM sorted AS s
    CROSS JOIN grown AS g
)
SELECT
    product_id,
    standing,
    revenue_now,
    revenue_base,
    units_now,
    units_base,
    revenue_change,
    price_effect,
    volume_effect,
    CASE WHEN standing = 'kept' THEN revenue_change - price_effect - volume_effect ELSE 0 END
        AS mix_effect,
    CASE WHEN standing = 'new' THEN revenue_change ELSE 0 END AS new_product_effect,
    CASE WHEN standing = 'gone' THEN revenue_change ELSE 0 END AS gone_product_effect,
    CASE WHEN standing = 'other' THEN revenue_change ELSE 0 END AS other_effect
FROM parted
