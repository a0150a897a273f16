-- What a period began with, what came in and what was sold, by company and product. No rows where
-- one of the three is not known.
SELECT '{period}' AS period, company_id, product_id, opening, received, sold
FROM (
    SELECT h.company_id, h.product_id, h.quantity AS opening
    FROM stock_on_hand({first} - 1{only}) AS h
    WHERE {at_place}
    UNION ALL BY NAME
    SELECT h.company_id, h.product_id, h.quantity AS received
    FROM (
        SELECT company_id, product_id, quantity, to_location_id AS location_id, from_location_id
        FROM fact_inventory_moves
        WHERE date BETWEEN {first} AND {last} AND movement_type IN ({incoming})
            AND product_id NOT IN (SELECT product_id FROM dim_products WHERE NOT storable){of_chosen}
    ) AS h
    WHERE {at_place}{from_elsewhere}
    UNION ALL BY NAME
    SELECT s.company_id, s.product_id, s.sold
    FROM (
        SELECT company_id, product_id, sum(items) AS sold
        FROM {sales} AS s
        WHERE date BETWEEN {first} AND {last}{of_chosen}
        GROUP BY company_id, product_id
    ) AS s
    WHERE s.product_id IN ({products})
) AS found
WHERE company_id = ANY($companies)
    AND (SELECT is_complete FROM nearest_snapshot({first} - 1))
    AND (
        SELECT count(*) FROM data_coverage
        WHERE fact_table = 'fact_inventory_moves' AND date BETWEEN {first} AND {last}
    ) = {last} - {first} + 1
