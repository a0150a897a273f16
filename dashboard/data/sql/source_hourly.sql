-- One row a day, company, store and hour.
SELECT
    s.date,
    s.company_id,
    s.pos_config_id,
    s.hour,
    s.transactions,
    s.items,
    s.revenue_tax_in,
    s.net_tax_ex
FROM agg_sales_hourly AS s
WHERE {where}
