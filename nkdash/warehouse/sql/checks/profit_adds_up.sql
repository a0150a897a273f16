-- Days on which profit by store or by product does not add up to the lines with their costs.
WITH lines AS (
    SELECT
        date, count(*) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net,
        sum(cogs_tax_ex) AS cost, sum(gross_profit_tax_ex) AS profit
    FROM fact_sales_profit GROUP BY date
), stores AS (
    SELECT
        date, sum(lines) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net,
        sum(cogs_tax_ex) AS cost, sum(costed_net_tax_ex) - sum(cogs_tax_ex) AS profit
    FROM agg_profit_daily GROUP BY date
), products AS (
    SELECT
        date, sum(lines) AS lines, sum(revenue_tax_in) AS revenue, sum(net_tax_ex) AS net,
        sum(cogs_tax_ex) AS cost, sum(costed_net_tax_ex) - sum(cogs_tax_ex) AS profit
    FROM agg_sales_product_daily GROUP BY date
)
SELECT date, lines.profit, stores.profit, products.profit
FROM lines
FULL JOIN stores USING (date)
FULL JOIN products USING (date)
WHERE (stores.lines, stores.revenue, stores.net, stores.cost, stores.profit)
    IS DISTINCT FROM (lines.lines, lines.revenue, lines.net, lines.cost, lines.profit)
    OR (products.lines, products.revenue, products.net, products.cost, products.profit)
    IS DISTINCT FROM (lines.lines, lines.revenue, lines.net, lines.cost, lines.profit)
ORDER BY date
