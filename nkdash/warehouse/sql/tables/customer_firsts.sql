-- The first transaction of a customer in a company that the lake knows; what he bought before the
-- lake begins is not known. Walk-ins and pure refunds do not count. Of one day the earliest by the
-- clock, documents last since they have no time.
--   date [local]: Day of that transaction
--   txn_key: That transaction
-- whole: fact_transactions
WITH days AS (
    SELECT company_id, customer_id, min(date) AS date
    FROM fact_transactions
    WHERE customer_id IS NOT NULL AND NOT is_refund
    GROUP BY company_id, customer_id
)
SELECT company_id, customer_id, date, t.source, t.pos_config_id, t.txn_key
FROM days
JOIN fact_transactions AS t USING (company_id, customer_id, date)
WHERE NOT t.is_refund
QUALIFY 1 = row_number() OVER (
    PARTITION BY company_id, customer_id
    ORDER BY t.ordered_at_local NULLS LAST, t.txn_key
)
ORDER BY company_id, customer_id
