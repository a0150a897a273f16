-- One product of a company: its stock, cover, class and what is on order.
SELECT
    source.company_id || '-' || source.product_id AS stock_key,
    source.company_id,
    source.product_id,
    p.name,
    p.sku,
    p.category,
    p.brand,
    t.name AS vendor,
    a.class AS abc_class,
    source.on_hand,
    source.reserved,
    source.available,
    CASE WHEN orders.known THEN coalesce(o.on_order, 0) END AS on_order,
    o.expected,
    CAST(source.cost_unit AS DOUBLE) AS unit_cost,
    source.stock_value,
    CAST(source.net_30 AS DOUBLE) / 30 AS daily_units,
    source.net_30,
    source.cover,
    source.last_sold,
    source.is_negative,
    CASE
        WHEN source.is_out THEN 'out'
        WHEN source.is_dead THEN 'dead'
        WHEN source.on_hand <= 0 THEN 'none'
        WHEN source.cover < {low} THEN 'low'
        WHEN source.cover <= {plenty} THEN 'healthy'
        ELSE 'plenty'
    END AS stock_state,
    -- 30 x daily units are the net units of 30 days.
    CAST(ceil(greatest(0, source.net_30 - source.available - coalesce(o.on_order, 0))) AS BIGINT)
        AS reorder_quantity,
    reorder_quantity * unit_cost AS reorder_value
FROM (
{positions}
) AS source
LEFT JOIN dim_products AS p ON p.product_id = source.product_id
LEFT JOIN product_vendors AS v
    ON v.company_id = source.company_id AND v.product_id = source.product_id
LEFT JOIN dim_partners AS t ON t.partner_id = v.vendor_id
LEFT JOIN (
{abc}
) AS a ON a.company_id = source.company_id AND a.product_id = source.product_id
CROSS JOIN (
    SELECT {orders} AND count(*) > 0 AS known
    FROM warehouse_manifest
    WHERE table_name = 'dim_open_purchase_lines'
) AS orders
LEFT JOIN (
    SELECT
        company_id,
        product_id,
        sum(on_order) AS on_order,
        min(CAST(expected_at AS DATE)) AS expected
    FROM dim_open_purchase_lines
    WHERE {orders}
    GROUP BY company_id, product_id
) AS o ON o.company_id = source.company_id AND o.product_id = source.product_id
WHERE {where}
