-- Moves of the range by why they moved: units into our stock and out of it.
SELECT
    movement_type,
    count(*) AS moves,
    sum(quantity) AS quantity,
    sum(quantity_signed) AS quantity_signed,
    max(date) AS last_date
FROM fact_inventory_moves
WHERE product_id = $product
    AND company_id = ANY($companies)
    AND date BETWEEN $first AND $last
GROUP BY movement_type
ORDER BY quantity DESC
