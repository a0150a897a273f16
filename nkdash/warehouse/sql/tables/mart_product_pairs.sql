-- Two products of one company that were bought together in 20 baskets or more, in the 12 months to
-- the last complete day. A basket is a transaction with a line of kind sale that is no basket extra
-- (bags, fees; free items are of another kind); how many pieces does not matter. product_a has the
-- lower id.
--   from_date [local]: first day of the 12 months
--   to_date [local]: last day of them, the last complete day of sales
--   product_a: Product with the lower id
--   product_b: Product with the higher id
--   baskets: baskets of the company
--   baskets_a: baskets with product_a
--   baskets_b: baskets with product_b
--   baskets_both: baskets with both
--   support [ratio]: baskets_both / baskets
--   confidence_a_b [ratio]: baskets_both / baskets_a, how often b is in the basket where a is
--   confidence_b_a [ratio]: baskets_both / baskets_b
--   lift [ratio]: baskets_both x baskets / (baskets_a x baskets_b), 1 where the two are independent
-- whole: mart_days mart_basket_extras
-- after: fact_sales_all
WITH span AS (
    SELECT (max(date) - INTERVAL 12 MONTH)::DATE + 1 AS from_date, max(date) AS to_date
    FROM mart_days
), items AS (
    SELECT DISTINCT
        l.company_id,
        -- Ids of orders and of documents, apart without making a text of each.
        coalesce(l.order_id, -l.move_id) AS basket_id,
        l.product_id
    FROM fact_sales_all AS l
    JOIN span AS s ON l.date BETWEEN s.from_date AND s.to_date
    WHERE l.line_kind = 'sale'
        AND l.product_id IS NOT NULL
        AND l.product_id NOT IN (SELECT product_id FROM mart_basket_extras)
), totals AS (
    SELECT company_id, count(DISTINCT basket_id) AS baskets FROM items GROUP BY company_id
), of_product AS (
    SELECT company_id, product_id, count(*) AS baskets
    FROM items
    GROUP BY company_id, product_id
    HAVING count(*) >= 20
), frequent AS (
    SELECT * FROM items SEMI JOIN of_product USING (company_id, product_id)
), pairs AS (
    SELECT
        a.company_id, a.product_id AS product_a, b.product_id AS product_b, count(*) AS baskets_both
    FROM frequent AS a
    JOIN frequent AS b
        ON b.company_id = a.company_id
        AND b.basket_id = a.basket_id
        AND b.product_id > a.product_id
    GROUP BY a.company_id, a.product_id, b.product_id
    HAVING count(*) >= 20
)
SELECT
    p.company_id,
    s.from_date,
    s.to_date,
    p.product_a,
    p.product_b,
    t.baskets,
    a.baskets AS baskets_a,
    b.baskets AS baskets_b,
    p.baskets_both,
    p.baskets_both / t.baskets AS support,
    p.baskets_both / a.baskets AS confidence_a_b,
    p.baskets_both / b.baskets AS confidence_b_a,
    p.baskets_both::DOUBLE * t.baskets / (a.baskets::DOUBLE * b.baskets) AS lift
FROM pairs AS p
CROSS JOIN span AS s
JOIN totals AS t ON t.company_id = p.company_id
JOIN of_product AS a ON a.company_id = p.company_id AND a.product_id = p.product_a
JOIN of_product AS b ON b.company_id = p.company_id AND b.product_id = p.product_b
ORDER BY p.company_id, p.product_a, p.product_b
