-- Days on which transactions, or an aggregate, do not add up to the lines of sales, to the cent; the
-- hours only to those that have one.
WITH lines AS (
    SELECT date, count(*) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net
    FROM fact_sales_all GROUP BY date
), timed AS (
    SELECT date, count(*) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net
    FROM fact_sales_all WHERE hour IS NOT NULL GROUP BY date
), profit AS (
    SELECT date, count(*) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net
    FROM fact_sales_profit GROUP BY date
), transactions AS (
    SELECT
        date, sum(lines) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net,
        sum(gross_tax_in) - sum(discount_tax_in) - sum(returns_tax_in) AS parts
    FROM fact_transactions GROUP BY date
), daily AS (
    SELECT date, sum(lines) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net
    FROM agg_sales_daily GROUP BY date
), hourly AS (
    SELECT date, sum(lines) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net
    FROM agg_sales_hourly GROUP BY date
), categories AS (
    SELECT date, sum(lines) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net
    FROM agg_sales_category_daily GROUP BY date
), brands AS (
    SELECT date, sum(lines) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net
    FROM agg_sales_slice_daily WHERE kind = 'brand' GROUP BY date
)
SELECT date, lines.revenue, transactions.revenue, transactions.parts, daily.revenue,
    hourly.revenue, categories.revenue, brands.revenue, profit.revenue
FROM lines
FULL JOIN timed USING (date)
FULL JOIN profit USING (date)
FULL JOIN transactions USING (date)
FULL JOIN daily USING (date)
FULL JOIN hourly USING (date)
FULL JOIN categories USING (date)
FULL JOIN brands USING (date)
WHERE (lines.lines, lines.revenue, lines.net)
    IS DISTINCT FROM (transactions.lines, transactions.revenue, transactions.net)
    OR transactions.parts IS DISTINCT FROM transactions.revenue
    OR (daily.lines, daily.revenue, daily.net)
    IS DISTINCT FROM (lines.lines, lines.revenue, lines.net)
    OR (hourly.lines, hourly.revenue, hourly.net)
    IS DISTINCT FROM (timed.lines, timed.revenue, timed.net)
    OR (profit.lines, profit.revenue, profit.net)
    IS DISTINCT FROM (lines.lines, lines.revenue, lines.net)
    OR (categories.lines, categories.revenue, categories.net)
    IS DISTINCT FROM (lines.lines, lines.revenue, lines.net)
    OR (brands.lines, brands.revenue, brands.net)
    IS DISTINCT FROM (lines.lines, lines.revenue, lines.net)
ORDER BY date
