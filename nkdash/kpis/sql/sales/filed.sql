LEFT JOIN dim_products AS p ON p.product_id = s.product_id
