-- One line of a vendor bill, refund or receipt. A bill counts once in each slice.
SELECT
    *,
    CAST(NOT is_refund AS INTEGER) AS billed_lines,
    CAST(NOT is_refund AND nth = 1 AS INTEGER) AS bills,
    CAST(is_refund AND nth = 1 AS INTEGER) AS refunds
FROM (
    SELECT s.*{columns}, row_number() OVER (PARTITION BY {slice}) AS nth
    FROM fact_purchases_costed AS s
    LEFT JOIN dim_products AS p ON p.product_id = s.product_id
    WHERE {where}
)
