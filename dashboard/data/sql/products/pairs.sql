-- What is bought together with the product: of its baskets, the part that holds the other too.
SELECT
    m.other AS product_id,
    coalesce(p.name, 'Product ' || m.other) AS name,
    p.sku,
    m.baskets_both,
    m.confidence,
    m.lift,
    m.from_date,
    m.to_date
FROM (
    SELECT
        product_b AS other, baskets_both, confidence_a_b AS confidence, lift, from_date, to_date
    FROM mart_product_pairs
    WHERE product_a = $product AND company_id = ANY($companies)
    UNION ALL
    SELECT product_a, baskets_both, confidence_b_a, lift, from_date, to_date
    FROM mart_product_pairs
    WHERE product_b = $product AND company_id = ANY($companies)
) AS m
LEFT JOIN dim_products AS p ON p.product_id = m.other
ORDER BY m.confidence DESC, m.lift DESC, m.other
LIMIT 8
