-- Every storable product sold in the period with its rank, what those before it and all have, and its
-- class (A, B or C): by company over all products, whatever the filters.
SELECT
    company_id,
    product_id,
    amount,
    rank,
    products,
    before,
    total,
    CASE
        WHEN {method} = 'rank' AND (rank - 1) * 10 < products * 2 THEN 'A'
        WHEN {method} = 'rank' AND (rank - 1) * 10 < products * 5 THEN 'B'
        WHEN {method} = 'share' AND before < 0.80 * total THEN 'A'
        WHEN {method} = 'share' AND before < 0.95 * total THEN 'B'
        ELSE 'C'
    END AS class
FROM (
    SELECT
        company_id,
        product_id,
        amount,
        row_number() OVER by_rank AS rank,
        count(*) OVER (PARTITION BY company_id) AS products,
        coalesce(sum(greatest(amount, 0)) OVER (
            by_rank ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS before,
        sum(greatest(amount, 0)) OVER (PARTITION BY company_id) AS total
    FROM (
        SELECT s.company_id, s.product_id, sum({amount}) AS amount
        FROM agg_sales_product_daily AS s
        WHERE s.date BETWEEN $first AND $last
        GROUP BY s.company_id, s.product_id
    ) AS sold
    -- Of products, not of each one's days: those are many more.
    WHERE amount IS NOT NULL
        AND company_id = ANY($companies)
        AND product_id IN (SELECT product_id FROM dim_products WHERE storable)
    WINDOW by_rank AS (PARTITION BY company_id ORDER BY amount DESC, product_id)
) AS ranked
