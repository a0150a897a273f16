-- One customer of one company who bought in the 12 months to the last complete day: how recently,
-- how often and for how much, each scored 1 (worst fifth) to 5 (best) among the company's
-- customers; equal figures score equal, as the lowest of them. segment is told by the recency and
-- frequency scores. Walk-ins are in no row, nor are customers who only brought goods back.
--   from_date [local]: first day of the 12 months
--   to_date [local]: last day of them, the last complete day of sales
--   last_date [local]: day of the last transaction
--   days_since_last [days]: to_date - last_date
--   transactions: transactions but pure refunds
--   revenue_tax_in [company currency, tax in]: net revenue, returns taken off
--   net_tax_ex [company currency, tax out]: net revenue, returns taken off
--   recency_score [1 to 5]: 1 + 5 x customers with a longer absence // customers
--   frequency_score [1 to 5]: 1 + 5 x customers with fewer transactions // customers
--   monetary_score [1 to 5]: 1 + 5 x customers with less revenue_tax_in // customers
--   segment: by recency and frequency score: champions (5, 4-5), loyal (3-4, 4-5),
--       potential_loyalists (4-5, 2-3), recent (5, 1), promising (4, 1), need_attention (3, 3),
--       about_to_sleep (3, 1-2), cannot_lose (1-2, 5), at_risk (1-2, 3-4), hibernating (1-2, 1-2)
-- whole: mart_days
-- after: fact_transactions
WITH span AS (
    SELECT (max(date) - INTERVAL 12 MONTH)::DATE + 1 AS from_date, max(date) AS to_date
    FROM mart_days
), bought AS (
    SELECT
        t.company_id,
        t.customer_id,
        any_value(s.from_date) AS from_date,
        any_value(s.to_date) AS to_date,
        max(t.date) FILTER (NOT t.is_refund) AS last_date,
        count(*) FILTER (NOT t.is_refund) AS transactions,
        sum(t.revenue_tax_in)::DECIMAL(18, 2) AS revenue_tax_in,
        sum(t.net_tax_ex)::DECIMAL(18, 2) AS net_tax_ex
    FROM fact_transactions AS t
    JOIN span AS s ON t.date BETWEEN s.from_date AND s.to_date
    WHERE t.customer_id IS NOT NULL
    GROUP BY t.company_id, t.customer_id
    HAVING count(*) FILTER (NOT t.is_refund) > 0
), scored AS (
    SELECT
        company_id,
        customer_id,
        from_date,
        to_date,
        last_date,
        to_date - last_date AS days_since_last,
        transactions,
        revenue_tax_in,
        net_tax_ex,
        1 + 5 * (rank() OVER (customers ORDER BY last_date) - 1) // count(*) OVER customers
            AS recency_score,
        1 + 5 * (rank() OVER (customers ORDER BY transactions) - 1) // count(*) OVER customers
            AS frequency_score,
        1 + 5 * (rank() OVER (customers ORDER BY revenue_tax_in) - 1) // count(*) OVER customers
            AS monetary_score
    FROM bought
    WINDOW customers AS (PARTITION BY company_id)
)
SELECT
    *,
    CASE
        WHEN recency_score <= 2 AND frequency_score <= 2 THEN 'hibernating'
        WHEN recency_score <= 2 AND frequency_score <= 4 THEN 'at_risk'
        WHEN recency_score <= 2 THEN 'cannot_lose'
        WHEN recency_score = 3 AND frequency_score <= 2 THEN 'about_to_sleep'
        WHEN recency_score = 3 AND frequency_score = 3 THEN 'need_attention'
        WHEN recency_score = 5 AND frequency_score >= 4 THEN 'champions'
        WHEN frequency_score >= 4 THEN 'loyal'
        WHEN frequency_score >= 2 THEN 'potential_loyalists'
        WHEN recency_score = 5 THEN 'recent'
        ELSE 'promising'
    END AS segment
FROM scored
ORDER BY company_id, customer_id
