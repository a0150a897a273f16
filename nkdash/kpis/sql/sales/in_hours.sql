s.order_id IN (
        SELECT order_id FROM fact_transactions
        WHERE date BETWEEN $from_day AND $to_day AND hour = ANY($hour)
    )
