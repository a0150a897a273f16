SELECT *
FROM (
{movers}
)
QUALIFY row_number() OVER (ORDER BY revenue_change DESC, product_id) <= 8
    OR row_number() OVER (ORDER BY revenue_change, product_id) <= 8
ORDER BY revenue_change DESC, product_id
