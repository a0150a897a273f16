-- One product of a company at a month's end; a twelfth of it, so that a year adds up to its average.
SELECT
    s.date,
    s.company_id,
    s.product_id,
    {columns}CAST(s.value_tax_ex AS DOUBLE) / 12 AS stock_value
FROM stock_month_ends AS s
{joins}WHERE {where}
    AND s.value_tax_ex IS NOT NULL
