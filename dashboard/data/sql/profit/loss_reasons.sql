-- What was sold below cost, by why: given away, discounted, or priced below cost.
SELECT
    CASE
        WHEN s.line_kind = 'free' THEN 'free'
        WHEN s.discount_tax_in > 0 THEN 'discounted'
        ELSE 'priced'
    END AS reason,
    count(*) AS lines,
    count(DISTINCT s.product_id) AS products,
    sum(s.{revenue}) AS net_revenue,
    -sum(s.{profit}) AS lost
FROM fact_sales_profit AS s
{joins}WHERE {where}
    AND s.{profit} < 0
    AND s.quantity > 0
GROUP BY reason
ORDER BY lost DESC, reason
