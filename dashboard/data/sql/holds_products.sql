s.order_id IN (
        SELECT l.order_id FROM fact_sales AS l
        JOIN dim_products AS p ON p.product_id = l.product_id
        WHERE l.date BETWEEN $from_day AND $to_day AND {where}
    )
