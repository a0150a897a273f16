-- Cost events up to the last day, and the one that held when the range began.
SELECT date, company_id, cost_source, {cost_unit} AS cost, move_id, quantity
FROM fact_product_costs
WHERE product_id = $product
    AND company_id = ANY($companies)
    AND {cost_unit} IS NOT NULL
    AND date <= $last
    AND date >= coalesce((
        SELECT max(date) FROM fact_product_costs
        WHERE product_id = $product
            AND company_id = ANY($companies)
            AND {cost_unit} IS NOT NULL
            AND date <= $first
    ), $first)
ORDER BY date
