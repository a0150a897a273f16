-- One transaction of a known customer; walk-ins are nobody, and are not here.
SELECT
    sold.*,
    coalesce(sold.txn_key = f.txn_key, false) AS is_first
FROM (
{transactions}
) AS sold
LEFT JOIN customer_firsts AS f
    ON f.company_id = sold.company_id
    AND f.customer_id = sold.customer_id
    -- The day too, though the transaction says it: few rows then have a text to compare.
    AND f.date = sold.date
WHERE sold.customer_id IS NOT NULL
