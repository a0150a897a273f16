LEFT JOIN product_vendors AS v ON v.company_id = s.company_id AND v.product_id = s.product_id
