-- One day of one customer of a company. What he brought back before his first transaction is looked up.
SELECT s.*
FROM agg_customers_daily AS s
WHERE {where}
    AND s.first_date IS NOT NULL
UNION ALL
SELECT s.* REPLACE (f.date AS first_date)
FROM agg_customers_daily AS s
LEFT JOIN customer_firsts AS f ON f.company_id = s.company_id AND f.customer_id = s.customer_id
WHERE {where}
    AND s.first_date IS NULL
