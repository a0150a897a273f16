s.order_id IN (
        SELECT order_id FROM fact_payments
        WHERE date BETWEEN $from_day AND $to_day AND payment_method_id = ANY($method)
    )
