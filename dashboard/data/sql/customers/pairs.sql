SELECT
    m.company_id || '-' || m.product_a || '-' || m.product_b AS pair,
    m.product_a,
    m.product_b,
    coalesce(a.name, '#' || m.product_a) AS name_a,
    coalesce(b.name, '#' || m.product_b) AS name_b,
    m.baskets_both,
    m.lift,
    m.confidence_a_b,
    m.confidence_b_a,
    m.support,
    m.baskets_a,
    m.baskets_b
FROM mart_product_pairs AS m
LEFT JOIN dim_products AS a ON a.product_id = m.product_a
LEFT JOIN dim_products AS b ON b.product_id = m.product_b
WHERE m.company_id = ANY($companies)
