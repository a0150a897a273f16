-- The classes A, B and C, and '-' for what was not sold in the period: sales, stock, what is out.
SELECT
    coalesce(source.class, '-') AS abc_class,
    count(*) AS products,
    sum(source.amount) AS amount,
    sum(source.stock_value) AS stock_value,
    sum(source.on_hand) AS on_hand,
    count(*) FILTER (source.is_out) AS out_of_stock_products,
    count(*) FILTER (source.cover > 0 AND source.cover < {low}) AS low_products
FROM (
    SELECT *
    FROM (
{abc}
    ) AS sold
    FULL JOIN (
{positions}
    ) AS held USING (company_id, product_id)
) AS source
LEFT JOIN dim_products AS p ON p.product_id = source.product_id
LEFT JOIN product_vendors AS v
    ON v.company_id = source.company_id AND v.product_id = source.product_id
WHERE {where}
GROUP BY ALL
ORDER BY max(source.class) NULLS LAST
