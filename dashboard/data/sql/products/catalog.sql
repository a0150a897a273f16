WITH source AS (
{source}
),
sold AS (
    SELECT
        product_id,
        sum(revenue) AS net_revenue,
        sum(items) AS items_sold,
        sum(items) - sum(returned_units) AS net_items,
        sum(discount_tax_in) AS discounts,
        sum(gross_tax_in) AS gross_sales,
        sum(costed_revenue) AS costed_revenue,
        sum(profit) AS gross_profit,
        max(date) FILTER (items > 0) AS last_sold
    FROM source
    WHERE product_id IS NOT NULL
    GROUP BY product_id
),
listed AS (
    -- What is on sale, sold or not, and what was sold though it is archived or no longer there.
    SELECT p.product_id FROM dim_products AS p WHERE p.active{listed}
    UNION
    SELECT product_id FROM sold
)
SELECT
    l.product_id,
    coalesce(p.name, 'Product ' || l.product_id) AS name,
    p.sku,
    p.barcode,
    s.net_revenue,
    CAST(s.net_revenue AS DOUBLE) / nullif(sum(CAST(s.net_revenue AS DOUBLE)) OVER (), 0) AS share,
    s.items_sold,
    CAST(s.net_revenue AS DOUBLE) / nullif(CAST(s.net_items AS DOUBLE), 0)
        AS average_selling_price,
    p.list_price,
    CAST(s.discounts AS DOUBLE) / nullif(CAST(s.gross_sales AS DOUBLE), 0) AS discount_rate,
    CASE WHEN s.costed_revenue >= $coverage * s.net_revenue THEN
        CAST(s.gross_profit AS DOUBLE) / nullif(CAST(s.costed_revenue AS DOUBLE), 0)
    END AS gross_margin,
    s.last_sold,
    p.category,
    p.brand
FROM listed AS l
LEFT JOIN dim_products AS p ON p.product_id = l.product_id
LEFT JOIN sold AS s ON s.product_id = l.product_id
