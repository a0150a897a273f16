{basket} IN (
        SELECT coalesce(l.order_id, -l.move_id) FROM fact_sales_all AS l
        LEFT JOIN dim_products AS p ON p.product_id = l.product_id
        WHERE l.date BETWEEN $from_day AND $to_day AND {where}
    )
