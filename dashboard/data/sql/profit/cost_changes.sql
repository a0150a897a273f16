-- One bill that changed what a unit of a product costs, and what was sold at the new cost until it
-- changed again or the range ended. Sales of all stores; unit amounts are per product unit.
WITH bills AS (
    SELECT
        c.date,
        c.company_id,
        c.product_id,
        c.move_id,
        c.quantity AS bought,
        c.{cost_unit} AS cost,
        lag(c.{cost_unit}) OVER history AS bill_before,
        lead(c.date) OVER history AS next_date
    FROM fact_product_costs AS c
    WHERE c.cost_source = 'bill' AND c.{cost_unit} > 0 AND c.company_id = ANY($companies)
    WINDOW history AS (PARTITION BY c.company_id, c.product_id ORDER BY c.date)
),
changes AS (
    SELECT
        b.* EXCLUDE (bill_before),
        coalesce(b.bill_before, o.{cost_unit}) AS cost_before,
        least(b.next_date - 1, $to_day) AS last_date
    FROM bills AS b
    ASOF LEFT JOIN (FROM fact_product_costs WHERE cost_source = 'opening') AS o
        ON o.company_id = b.company_id AND o.product_id = b.product_id AND o.date <= b.date
    WHERE b.date BETWEEN $from_day AND $to_day
),
changed AS (
    SELECT c.*, p.name, p.sku, p.category, p.brand
    FROM changes AS c
    LEFT JOIN dim_products AS p ON p.product_id = c.product_id
    WHERE c.cost <> c.cost_before
        AND c.cost_before > 0{where}
),
sold AS (
    SELECT
        c.company_id,
        c.product_id,
        c.date,
        sum(s.items - s.returned_units) AS units,
        sum(s.{revenue}) AS revenue
    FROM changed AS c
    JOIN agg_sales_product_daily AS s
        ON s.company_id = c.company_id AND s.product_id = c.product_id
        AND s.date BETWEEN c.date AND c.last_date
    WHERE s.date BETWEEN $from_day AND $to_day
    GROUP BY ALL
),
billed AS (
    SELECT DISTINCT move_id, move_name, vendor_id FROM fact_purchases
)
SELECT
    c.company_id || '-' || c.product_id || '-' || c.date AS change_key,
    c.date,
    c.product_id,
    coalesce(c.name, 'Product ' || c.product_id) AS name,
    CAST(c.cost_before AS DOUBLE) AS cost_before,
    CAST(c.cost AS DOUBLE) AS cost_now,
    CAST(c.cost AS DOUBLE) - CAST(c.cost_before AS DOUBLE) AS per_unit,
    CAST(c.cost AS DOUBLE) / CAST(c.cost_before AS DOUBLE) - 1 AS change,
    coalesce(s.units, 0) AS net_items,
    -- What the change gave to gross profit: a higher cost takes away.
    (CAST(c.cost_before AS DOUBLE) - CAST(c.cost AS DOUBLE)) * coalesce(s.units, 0) AS effect,
    CASE WHEN s.units > 0 THEN CAST(s.revenue AS DOUBLE) / CAST(s.units AS DOUBLE) END AS price,
    CASE WHEN s.units > 0 AND s.revenue > 0
        THEN 1 - CAST(c.cost_before AS DOUBLE) * CAST(s.units AS DOUBLE) / CAST(s.revenue AS DOUBLE)
    END AS margin_before,
    CASE WHEN s.units > 0 AND s.revenue > 0
        THEN 1 - CAST(c.cost AS DOUBLE) * CAST(s.units AS DOUBLE) / CAST(s.revenue AS DOUBLE)
    END AS margin_now,
    vendor.name AS vendor,
    b.move_name AS bill,
    c.sku,
    c.category,
    c.brand,
    c.bought,
    c.move_id
FROM changed AS c
LEFT JOIN sold AS s
    ON s.company_id = c.company_id AND s.product_id = c.product_id AND s.date = c.date
LEFT JOIN billed AS b ON b.move_id = c.move_id
LEFT JOIN dim_partners AS vendor ON vendor.partner_id = b.vendor_id
