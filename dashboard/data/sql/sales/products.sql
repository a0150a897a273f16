WITH source AS (
{source}
),
sold AS (
    SELECT
        product_id,
        sum({revenue}) AS net_revenue,
        CAST(sum({revenue}) AS DOUBLE)
            / nullif(sum(sum(CAST({revenue} AS DOUBLE))) OVER (), 0) AS share,
        sum(items) AS items_sold,
        sum(returned_units) AS items_returned,
        CAST(sum({revenue}) AS DOUBLE)
            / nullif(CAST(sum(items) - sum(returned_units) AS DOUBLE), 0) AS average_selling_price,
        sum(discount_tax_in) AS discounts,
        sum(returns_tax_in) AS returns
    FROM source
    GROUP BY product_id
)
SELECT s.*, p.sku, p.name, p.category, p.brand
FROM sold AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
