-- Companies that have sales, with the currency their figures are in; the main one first.
SELECT
    sold.company_id,
    c.name,
    c.currency,
    c.currency_symbol,
    c.decimal_places
FROM (SELECT DISTINCT company_id FROM agg_sales_daily) AS sold
LEFT JOIN dim_companies AS c USING (company_id)
ORDER BY sold.company_id
