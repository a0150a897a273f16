-- One product of a company on a day that its stock changed, all its locations together: what moved
-- between two of them changes nothing. Of products that are not storable too.
--   date [local]: Day of the moves
--   company_id: Company of the locations; null where companies share them
--   change [product unit]: what came in less what went out; never zero
-- days: stock_legs
-- whole: dim_locations
SELECT
    g.date,
    l.company_id,
    g.product_id,
    sum(g.quantity)::DECIMAL(18, 4) AS change
FROM stock_legs AS g
LEFT JOIN dim_locations AS l ON l.location_id = g.location_id
GROUP BY g.date, l.company_id, g.product_id
HAVING sum(g.quantity) <> 0
ORDER BY g.date, l.company_id, g.product_id
