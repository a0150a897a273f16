changes AS (
    SELECT l.company_id, h.product_id, h.date, sum(h.quantity) AS change
    FROM stock_legs AS h
    LEFT JOIN dim_locations AS l ON l.location_id = h.location_id
    WHERE h.date BETWEEN {first} - 56 AND {last}
        AND {at_place}
        AND h.product_id IN ({products})
    GROUP BY l.company_id, h.product_id, h.date
    HAVING sum(h.quantity) <> 0
), levels AS (
    SELECT
        c.company_id,
        c.product_id,
        c.date,
        coalesce(e.quantity, 0) - sum(c.change) OVER later AS opening,
        opening + c.change AS closing,
        lag(c.date) OVER later AS next_date
    FROM changes AS c
    LEFT JOIN ends AS e ON e.company_id = c.company_id AND e.product_id = c.product_id
    WINDOW later AS (PARTITION BY c.company_id, c.product_id ORDER BY c.date DESC)
)
