-- One vendor bill, refund or receipt: its lines that fit the filters.
SELECT
    s.move_id,
    s.date,
    any_value(s.move_name) AS bill,
    any_value(vendor.name) AS vendor,
    any_value(s.move_ref) AS reference,
    any_value(s.is_refund) AS is_refund,
    count(*) AS lines,
    sum(s.net_tax_ex) AS spend,
    sum(s.total_tax_in) AS total_tax_in
FROM fact_purchases AS s
LEFT JOIN dim_products AS p ON p.product_id = s.product_id
LEFT JOIN dim_partners AS vendor ON vendor.partner_id = s.vendor_id
WHERE {where}
GROUP BY s.move_id, s.date
