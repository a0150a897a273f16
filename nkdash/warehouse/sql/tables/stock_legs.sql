-- One end of a stock move line that is a location of ours (internal or transit): - what left it,
-- + what reached it, in product unit. Summed by location they are its stock; a move between two of
-- our locations has two. Of products that are not storable too, of which Odoo keeps no stock.
--   location_id: Location that the goods left or reached
--   quantity [product unit]: - what left it, + what reached it
-- days: fact_inventory_moves
SELECT
    date, move_line_id, moved_at, company_id, product_id, from_location_id AS location_id,
    movement_type, (-quantity)::DECIMAL(18, 4) AS quantity
FROM fact_inventory_moves
WHERE from_usage IN ('internal', 'transit')
UNION ALL
SELECT
    date, move_line_id, moved_at, company_id, product_id, to_location_id AS location_id,
    movement_type, quantity
FROM fact_inventory_moves
WHERE to_usage IN ('internal', 'transit')
