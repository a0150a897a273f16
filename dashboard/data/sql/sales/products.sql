SELECT
    s.product_id,
    any_value(p.sku) AS sku,
    any_value(p.name) AS name,
    any_value(p.category) AS category,
    any_value(p.brand) AS brand,
    sum(s.{revenue}) AS net_revenue,
    CAST(sum(s.{revenue}) AS DOUBLE)
        / nullif(sum(sum(CAST(s.{revenue} AS DOUBLE))) OVER (), 0) AS share,
    coalesce(sum(s.quantity) FILTER (s.line_kind IN ('sale', 'free', 'service')), 0) AS items_sold,
    coalesce(-sum(s.quantity) FILTER (s.line_kind = 'return'), 0) AS items_returned,
    CAST(sum(s.{revenue}) AS DOUBLE)
        / nullif(CAST(sum(s.quantity) FILTER (s.line_kind <> 'discount') AS DOUBLE), 0)
        AS average_selling_price,
    coalesce(sum(s.discount_tax_in) FILTER (s.line_kind <> 'return'), 0) AS discounts,
    coalesce(-sum(s.revenue_tax_in) FILTER (s.line_kind = 'return'), 0) AS returns
FROM fact_sales_all AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
WHERE {where}
GROUP BY s.product_id
