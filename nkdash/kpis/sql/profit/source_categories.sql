-- Store, category and brand days, added up by day and dimensions before they are cut into periods:
-- that halves the time.
SELECT
    s.date,
    {dimensions}
    sum(s.revenue_tax_in) AS revenue_tax_in,
    sum(s.net_tax_ex) AS net_tax_ex,
    sum(s.costed_revenue_tax_in) AS costed_revenue_tax_in,
    sum(s.costed_net_tax_ex) AS costed_net_tax_ex,
    sum(s.cogs_tax_in) AS cogs_tax_in,
    sum(s.cogs_tax_ex) AS cogs_tax_ex,
    sum(s.gross_profit_tax_in) AS gross_profit_tax_in,
    sum(s.gross_profit_tax_ex) AS gross_profit_tax_ex
FROM agg_profit_category_daily AS s
WHERE {where}
GROUP BY ALL
