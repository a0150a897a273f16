-- Goods sold by how much was taken off their price: revenue, and profit where the cost is known.
SELECT
    CASE
        WHEN s.line_kind = 'free' THEN 6
        WHEN s.discount_tax_in <= 0 THEN 0
        WHEN s.discount_tax_in <= 0.1 * s.gross_tax_in THEN 1
        WHEN s.discount_tax_in <= 0.2 * s.gross_tax_in THEN 2
        WHEN s.discount_tax_in <= 0.3 * s.gross_tax_in THEN 3
        WHEN s.discount_tax_in <= 0.5 * s.gross_tax_in THEN 4
        ELSE 5
    END AS band,
    count(*) AS lines,
    sum(s.{revenue}) AS net_revenue,
    sum(s.discount_tax_in) AS discounts,
    sum(CASE WHEN s.{cogs} IS NULL THEN 0 ELSE s.{revenue} END) AS costed_revenue,
    sum(s.{revenue}) - costed_revenue AS uncosted_revenue,
    sum(s.{profit}) AS gross_profit
FROM fact_sales_profit AS s
{joins}WHERE {where}
    AND s.line_kind IN ('sale', 'free', 'service')
GROUP BY band
ORDER BY band
