-- stock_changes with the sum of all a product's changes up to each: its stock of two days differs by
-- what these differ by, so the stock of every day is found from that of one.
--   total [product unit]: sum of the changes of all loaded days up to this one
-- days: stock_changes
-- since: stock_legs
SELECT
    date,
    company_id,
    product_id,
    change,
    (sum(change) OVER (PARTITION BY company_id, product_id ORDER BY date))::DECIMAL(18, 4) AS total
FROM stock_changes
ORDER BY date, company_id, product_id
