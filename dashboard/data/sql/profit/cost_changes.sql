-- One bill that changed what a unit of a product costs, and what was sold from then to the end of the
-- range, so that the effects of a product's changes add up to what they did to its cost together.
-- Sales of all stores; unit amounts are per product unit.
WITH changed AS (
    SELECT
        c.date,
        c.company_id,
        c.product_id,
        c.move_id,
        c.quantity AS bought,
        CAST(c.{cost_unit} AS DOUBLE) AS cost_now,
        CAST(c.{before_unit} AS DOUBLE) AS cost_before,
        p.name,
        p.sku
    FROM product_cost_changes AS c
    LEFT JOIN dim_products AS p ON p.product_id = c.product_id
    WHERE c.date BETWEEN $from_day AND $to_day
        AND c.company_id = ANY($companies)
        AND c.{before_unit} > 0{where}
),
sold AS (
    SELECT
        c.company_id,
        c.product_id,
        c.date,
        CAST(sum(s.items - s.returned_units) AS DOUBLE) AS units,
        CAST(sum(s.{revenue}) AS DOUBLE) AS revenue
    FROM changed AS c
    JOIN agg_sales_product_daily AS s
        ON s.company_id = c.company_id AND s.product_id = c.product_id
        AND s.date >= c.date
    WHERE s.date BETWEEN $from_day AND $to_day
    GROUP BY ALL
),
billed AS (
    SELECT move_id, any_value(move_name) AS move_name, any_value(vendor_id) AS vendor_id
    FROM fact_purchases
    WHERE date BETWEEN $from_day AND $to_day
    GROUP BY move_id
)
SELECT
    c.company_id || '-' || c.product_id || '-' || c.date AS change_key,
    c.date,
    c.product_id,
    coalesce(c.name, 'Product ' || c.product_id) AS name,
    c.cost_before,
    c.cost_now,
    c.cost_now - c.cost_before AS per_unit,
    c.cost_now / c.cost_before - 1 AS change,
    coalesce(s.units, 0) AS net_items,
    -- What the change gave to gross profit: a higher cost takes away.
    (c.cost_before - c.cost_now) * coalesce(s.units, 0) AS effect,
    s.revenue / nullif(s.units, 0) AS price,
    CASE WHEN s.revenue > 0 AND s.units > 0 THEN 1 - c.cost_before * s.units / s.revenue END
        AS margin_before,
    CASE WHEN s.revenue > 0 AND s.units > 0 THEN 1 - c.cost_now * s.units / s.revenue END
        AS margin_now,
    vendor.name AS vendor,
    b.move_name AS bill,
    c.sku,
    c.bought,
    c.move_id
FROM changed AS c
LEFT JOIN sold AS s
    ON s.company_id = c.company_id AND s.product_id = c.product_id AND s.date = c.date
LEFT JOIN billed AS b ON b.move_id = c.move_id
LEFT JOIN dim_partners AS vendor ON vendor.partner_id = b.vendor_id
