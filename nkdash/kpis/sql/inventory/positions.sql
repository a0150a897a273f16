-- One product of a company at the end of a day: its stock, what it cost then, and what it sold in
-- the 30, 56 and 90 days up to it. No rows where the stock of that day is not known.
SELECT
    '{period}' AS period,
    parts.*,
    c.cost_unit,
    CAST(CAST(parts.on_hand AS DOUBLE) * CAST(c.cost_unit AS DOUBLE) AS DECIMAL(18, 2))
        AS stock_value,
    CASE
        WHEN parts.net_30 <= 0 THEN NULL
        WHEN parts.on_hand <= 0 THEN 0
        ELSE greatest(parts.available, 0) / (CAST(parts.net_30 AS DOUBLE) / 30)
    END AS cover,
    parts.on_hand <= 0 AND parts.sold_56 > 0 AS is_out,
    parts.on_hand > 0 AND parts.sold_90 <= 0 AS is_dead
FROM (
    SELECT
        company_id,
        product_id,
        coalesce(sum(quantity), 0) AS on_hand,
        coalesce(sum(reserved), 0) AS reserved,
        coalesce(sum(quantity), 0) - coalesce(sum(reserved), 0) AS available,
        -- Below zero at one place, whatever the others hold.
        coalesce(min(quantity) < 0, false) AS is_negative,
        coalesce(sum(net_30), 0) AS net_30,
        coalesce(sum(sold_56), 0) AS sold_56,
        coalesce(sum(sold_90), 0) AS sold_90,
        max(last_sold) AS last_sold
    FROM (
        SELECT h.company_id, h.product_id, h.quantity
        FROM stock_on_hand({last}{only}) AS h
        WHERE {at_place}
        UNION ALL BY NAME
        SELECT l.company_id, h.product_id, h.reserved_quantity AS reserved
        FROM fact_stock_on_hand_snapshot AS h
        JOIN nearest_snapshot({last}) AS n ON n.snapshot_date = h.date
        LEFT JOIN dim_locations AS l ON l.location_id = h.location_id
        WHERE h.reserved_quantity <> 0 AND {at_place}{of_chosen}
        UNION ALL BY NAME
        SELECT *
        FROM (
            SELECT
                s.company_id,
                s.product_id,
                sum(s.items - s.returned_units) FILTER (s.date > {last} - 30) AS net_30,
                sum(s.items) FILTER (s.date > {last} - 56) AS sold_56,
                sum(s.items) AS sold_90,
                max(s.date) FILTER (s.items > 0) AS last_sold
            FROM {sales} AS s
            WHERE s.date > {last} - 90 AND s.date <= {last}{of_chosen}
            GROUP BY s.company_id, s.product_id
        ) AS s
        WHERE s.product_id IN ({products})
    ) AS found
    WHERE company_id = ANY($companies)
        AND (SELECT is_complete FROM nearest_snapshot({last}))
    GROUP BY company_id, product_id
) AS parts
LEFT JOIN (
    SELECT
        company_id,
        product_id,
        coalesce(
            arg_max(cost_unit_tax_ex, date) FILTER (cost_source = 'bill'),
            arg_max(cost_unit_tax_ex, date) FILTER (cost_source = 'opening'),
            arg_max(cost_unit_tax_ex, date) FILTER (cost_source = 'standard_price')
        ) AS cost_unit
    FROM fact_product_costs
    WHERE date <= {last}{of_chosen}
    GROUP BY company_id, product_id
) AS c ON c.company_id = parts.company_id AND c.product_id = parts.product_id
WHERE parts.on_hand <> 0 OR parts.reserved <> 0 OR parts.sold_90 <> 0 OR parts.net_30 <> 0
