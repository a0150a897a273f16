WITH {periods}
SELECT
    periods.period,
    s.payment_method_id AS id,
    -- Change given back is a negative payment of its own, so the sum is net of it.
    sum(s.amount) AS amount,
    count(DISTINCT s.order_id) AS transactions
FROM fact_payments AS s
JOIN periods ON s.date BETWEEN periods.first AND periods.last
WHERE {where}
GROUP BY ALL
ORDER BY periods.period, id
