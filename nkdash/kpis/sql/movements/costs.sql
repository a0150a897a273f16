ASOF LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'bill') AS b
    ON b.product_id = s.product_id AND b.company_id = s.company_id AND b.date <= s.date
ASOF LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'opening') AS o
    ON o.product_id = s.product_id AND o.company_id = s.company_id AND o.date <= s.date
LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'standard_price') AS n
    ON n.product_id = s.product_id AND n.company_id = s.company_id
