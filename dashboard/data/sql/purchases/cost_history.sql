-- The bills that set the cost of a line's product up to its day, the newest first.
WITH asked AS (
    SELECT date, company_id, product_id
    FROM fact_purchases_costed
    WHERE line_id = $line AND company_id = ANY($companies)
)
SELECT
    c.date,
    c.move_id,
    c.product_id,
    any_value(p.name) AS name,
    any_value(s.move_name) AS bill,
    any_value(vendor.name) AS vendor,
    any_value(c.quantity) AS quantity,
    any_value(c.cost_unit_tax_ex) AS unit_cost
FROM asked
JOIN fact_product_costs AS c
    ON c.company_id = asked.company_id AND c.product_id = asked.product_id AND c.date <= asked.date
    AND c.cost_source = 'bill'
LEFT JOIN fact_purchases_costed AS s ON s.date = c.date AND s.move_id = c.move_id
LEFT JOIN dim_products AS p ON p.product_id = c.product_id
LEFT JOIN dim_partners AS vendor ON vendor.partner_id = s.vendor_id
GROUP BY c.date, c.move_id, c.product_id
ORDER BY c.date DESC
LIMIT 12
