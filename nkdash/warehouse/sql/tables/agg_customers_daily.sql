-- One day of one customer of one company, all stores and sources together, with what says how he stood
-- then: so customers of a range are counted without looking at each of them. Walk-ins are in no row.
--   transactions: transactions but pure refunds; 0 where he only brought goods back
--   first_date [local]: day of his first transaction (customer_firsts); null before it
--   previous_date [local]: last day before on which he bought; null where he bought nothing on date
--   second_date [local]: day of the last transaction but one, up to date; null where there is none, or
--       where he bought nothing on date
--   previous_second_date [local]: second_date as of previous_date
--   revenue_tax_in [company currency, tax in]: net revenue, returns taken off
--   net_tax_ex [company currency, tax out]: net revenue, returns taken off
-- days: fact_transactions
-- since: fact_transactions
-- after: customer_firsts
WITH bought AS (
    SELECT
        date,
        company_id,
        customer_id,
        count(*) FILTER (NOT is_refund) AS transactions,
        sum(revenue_tax_in)::DECIMAL(18, 2) AS revenue_tax_in,
        sum(net_tax_ex)::DECIMAL(18, 2) AS net_tax_ex
    FROM fact_transactions
    WHERE customer_id IS NOT NULL
    GROUP BY date, company_id, customer_id
), stood AS (
    SELECT
        *,
        lag(date) OVER customer AS previous_date,
        CASE WHEN transactions > 1 THEN date ELSE lag(date) OVER customer END AS second_date,
        CASE WHEN lag(transactions) OVER customer > 1
            THEN lag(date) OVER customer ELSE lag(date, 2) OVER customer
        END AS previous_second_date
    FROM bought
    WHERE transactions > 0
    WINDOW customer AS (PARTITION BY company_id, customer_id ORDER BY date)
    UNION ALL
    SELECT *, NULL, NULL, NULL FROM bought WHERE transactions = 0
)
SELECT
    s.date,
    s.company_id,
    s.customer_id,
    s.transactions,
    f.date AS first_date,
    s.previous_date,
    s.second_date,
    s.previous_second_date,
    s.revenue_tax_in,
    s.net_tax_ex
FROM stood AS s
LEFT JOIN customer_firsts AS f
    ON f.company_id = s.company_id AND f.customer_id = s.customer_id AND f.date <= s.date
ORDER BY s.date, s.company_id, s.customer_id
