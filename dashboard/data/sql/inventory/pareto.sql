-- The curve: what share of all the first products of the ranking have, thinned to two hundred points.
SELECT
    number,
    number / CAST(products AS DOUBLE) AS share_of_products,
    CAST(cumulated AS DOUBLE) / nullif(CAST(total AS DOUBLE), 0) AS share_of_amount,
    class
FROM (
    SELECT
        source.class,
        row_number() OVER by_amount AS number,
        count(*) OVER () AS products,
        sum(greatest(source.amount, 0)) OVER by_amount AS cumulated,
        sum(greatest(source.amount, 0)) OVER () AS total
    FROM (
{abc}
    ) AS source
    LEFT JOIN dim_products AS p ON p.product_id = source.product_id
    LEFT JOIN product_vendors AS v
        ON v.company_id = source.company_id AND v.product_id = source.product_id
    WHERE {where}
    WINDOW by_amount AS (
        ORDER BY source.amount DESC, source.company_id, source.product_id
        ROWS UNBOUNDED PRECEDING
    )
) AS curve
WHERE number % greatest(products // 200, 1) = 0 OR number IN (1, products)
ORDER BY number
