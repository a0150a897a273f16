-- One product sold: revenue, and its cost and profit where enough of the revenue has one.
WITH source AS (
{source}
),
added AS (
    SELECT
        product_id,
        sum(net_items) AS net_items,
        sum({revenue}) AS net_revenue,
        sum({costed_revenue}) AS costed_revenue,
        sum({revenue}) - sum({costed_revenue}) AS uncosted_revenue,
        CAST(sum({costed_revenue}) AS DOUBLE) / nullif(CAST(sum({revenue}) AS DOUBLE), 0)
            AS cost_coverage,
        sum({cogs}) AS all_cogs,
        sum({profit}) AS all_profit
    FROM source
    GROUP BY product_id
),
known AS (
    SELECT
        *,
        $uncovered OR coalesce(cost_coverage, 1) >= $enough AS is_told,
        CASE WHEN is_told THEN all_cogs END AS cogs,
        CASE WHEN is_told THEN all_profit END AS gross_profit
    FROM added
)
SELECT
    k.product_id,
    coalesce(p.name, 'Product ' || k.product_id) AS name,
    p.sku,
    p.category,
    p.brand,
    k.net_items,
    k.net_revenue,
    k.cogs,
    k.gross_profit,
    CAST(k.gross_profit AS DOUBLE) / nullif(CAST(k.costed_revenue AS DOUBLE), 0) AS gross_margin,
    k.cost_coverage,
    k.uncosted_revenue
FROM known AS k
LEFT JOIN dim_products AS p ON p.product_id = k.product_id
