-- Cost of goods sold in twelve months, and the average of the stock's value at the twelve month-ends.
-- No rows where a month-end is not known or the sales of the year are not all loaded.
SELECT '{period}' AS period, company_id, product_id, cogs_year, average_value
FROM (
    SELECT company_id, product_id, CAST(cogs_tax_ex AS DOUBLE) AS cogs_year
    FROM agg_sales_product_daily
    WHERE date BETWEEN {year} AND {last} AND cogs_tax_ex IS NOT NULL
    UNION ALL BY NAME
    SELECT company_id, product_id, CAST(value_tax_ex AS DOUBLE) / 12 AS average_value
    FROM stock_month_ends
    WHERE date BETWEEN {year} AND {last} AND value_tax_ex IS NOT NULL
) AS found
WHERE company_id = ANY($companies)
    AND (SELECT count(*) FROM stock_month_sources WHERE date BETWEEN {year} AND {last}) = 12
    AND {year} >= (
        SELECT min(date) FROM data_coverage
        WHERE fact_table = 'fact_sales' AND fact_rows IS NOT NULL
    )
