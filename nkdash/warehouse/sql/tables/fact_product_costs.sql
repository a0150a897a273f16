-- One cost event: what a unit of a product costs a company from this day on. Per day the bill of the
-- highest id, its non-free lines weighted by quantity; refunds and free items set no cost. An opening
-- cost counts from its from_date, '-infinity' where undated; given in one tax basis, it has the
-- other by the product's purchase taxes in that company. Without company_id it is for every company
-- in the currency of the first one. Today's standard price is here ('-infinity') only if
-- NKDASH_COST_FALLBACK asks for it. Company currency per product unit.
--   date [local]: First day on which it holds
--   company_id: Company
--   product_id: Product
--   cost_source: bill, opening or standard_price
--   cost_unit_tax_ex [company currency per product unit, tax out]: Cost of one unit
--   cost_unit_tax_in [company currency per product unit, tax in]: Cost of one unit; null where
--       unknown
--   move_id: The bill
--   quantity [product unit]: units of the bill's lines that the cost is the mean of
-- whole: fact_purchases opening_costs dim_products dim_taxes dim_companies dim_product_costs_now
WITH bill_lines AS (
    SELECT *
    FROM fact_purchases
    WHERE product_id IS NOT NULL AND NOT is_refund AND NOT is_free_item AND cost_unit_tax_ex > 0
), bills AS (
    SELECT
        date,
        company_id,
        product_id,
        'bill' AS cost_source,
        1 AS trust,
        sum(cost_unit_tax_ex::DOUBLE * quantity::DOUBLE) / sum(quantity::DOUBLE) AS cost_ex,
        sum(cost_unit_tax_in::DOUBLE * quantity::DOUBLE) / sum(quantity::DOUBLE) AS cost_in,
        move_id,
        sum(quantity) AS quantity
    FROM bill_lines
    GROUP BY date, company_id, product_id, move_id
    QUALIFY move_id = max(move_id) OVER (PARTITION BY date, company_id, product_id)
), companies AS (
    SELECT company_id
    FROM dim_companies
    WHERE currency_id = (SELECT arg_min(currency_id, company_id) FROM dim_companies)
), opening_rows AS (
    SELECT
        coalesce(o.from_date, '-infinity'::DATE) AS date,
        coalesce(o.company_id, c.company_id) AS company_id,
        o.product_id,
        o.cost_unit::DOUBLE AS cost_unit,
        o.tax_included
    FROM opening_costs AS o
    LEFT JOIN companies AS c ON o.company_id IS NULL
    -- One for a company of its own wins over one for all.
    QUALIFY row_number() OVER (
        PARTITION BY o.product_id, o.from_date, coalesce(o.company_id, c.company_id)
        ORDER BY o.company_id NULLS LAST
    ) = 1
), purchase_taxes AS (
    SELECT p.product_id, t.company_id, 1 + sum(t.charged_rate) / 100 AS ratio
    FROM (SELECT product_id, unnest(purchase_tax_ids) AS tax_id FROM dim_products) AS p
    JOIN dim_taxes AS t ON t.tax_id = p.tax_id
    GROUP BY p.product_id, t.company_id
), openings AS (
    SELECT
        o.date,
        o.company_id,
        o.product_id,
        'opening' AS cost_source,
        2 AS trust,
        o.cost_unit / CASE WHEN o.tax_included THEN coalesce(t.ratio, 1) ELSE 1 END AS cost_ex,
        o.cost_unit * CASE WHEN o.tax_included THEN 1 ELSE coalesce(t.ratio, 1) END AS cost_in,
        NULL::BIGINT AS move_id,
        NULL::DECIMAL(38, 4) AS quantity
    FROM opening_rows AS o
    LEFT JOIN purchase_taxes AS t
        ON t.product_id = o.product_id AND t.company_id = o.company_id
), standard AS (
    SELECT
        '-infinity'::DATE AS date,
        company_id,
        product_id,
        'standard_price' AS cost_source,
        3 AS trust,
        standard_price::DOUBLE AS cost_ex,
        NULL::DOUBLE AS cost_in,
        NULL::BIGINT AS move_id,
        NULL::DECIMAL(38, 4) AS quantity
    FROM dim_product_costs_now
    WHERE standard_price > 0 AND getvariable('cost_fallback') = 'standard_price'
), events AS (
    FROM bills UNION ALL FROM openings UNION ALL FROM standard
)
SELECT
    date,
    company_id,
    product_id,
    cost_source,
    cost_ex::DECIMAL(18, 6) AS cost_unit_tax_ex,
    cost_in::DECIMAL(18, 6) AS cost_unit_tax_in,
    move_id,
    quantity::DECIMAL(18, 4) AS quantity
FROM events
QUALIFY trust = min(trust) OVER (PARTITION BY date, company_id, product_id)
ORDER BY product_id, company_id, date
