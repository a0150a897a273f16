LEFT JOIN dim_products AS p ON p.product_id = source.product_id
LEFT JOIN product_vendors AS v
    ON v.company_id = source.company_id AND v.product_id = source.product_id
