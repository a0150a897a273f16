-- Sales lost to empty shelves, an estimate by company and product. A product is out of stock on a day
-- that begins and ends without stock and sells nothing, once it was there; each such day of the
-- period would have sold what an average day of the same weekday with stock sold, since 56 days
-- before the period. No rows where the stock is not known.
WITH days AS (
    SELECT CAST(unnest(generate_series(
        CAST({first} - 56 AS TIMESTAMP), CAST({last} AS TIMESTAMP), INTERVAL 1 DAY
    )) AS DATE) AS date
), sales AS (
    SELECT
        s.company_id,
        s.product_id,
        s.date,
        s.items,
        CAST(s.{revenue} AS DOUBLE) AS revenue
    FROM {sales} AS s
    WHERE s.date BETWEEN {first} - 56 AND {last} AND s.items > 0
), changes AS (
    SELECT h.company_id, h.product_id, h.date, sum(h.quantity) AS change
    FROM (
        SELECT l.company_id, g.product_id, g.date, g.location_id, g.quantity
        FROM stock_legs AS g
        LEFT JOIN dim_locations AS l ON l.location_id = g.location_id
        WHERE g.date BETWEEN {first} - 56 AND {last}
    ) AS h
    WHERE {at_place} AND h.product_id IN (SELECT product_id FROM dim_products WHERE storable)
    GROUP BY h.company_id, h.product_id, h.date
), ends AS (
    SELECT h.company_id, h.product_id, sum(h.quantity) AS quantity
    FROM stock_on_hand({last}) AS h
    WHERE {at_place} AND h.is_complete
    GROUP BY h.company_id, h.product_id
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
), known AS (
    -- From when on it was there, of what then was out of stock at some time.
    SELECT
        company_id,
        product_id,
        CASE
            WHEN arg_min(opening, date) > 0 THEN {first} - 56
            ELSE min(date) FILTER (opening > 0 OR closing > 0)
        END AS since
    FROM levels
    GROUP BY company_id, product_id
    HAVING min(closing) <= 0
), empty_days AS (
    SELECT n.company_id, n.product_id, d.date
    FROM levels AS n
    JOIN known AS k ON k.company_id = n.company_id AND k.product_id = n.product_id
    JOIN days AS d
        ON d.date >= n.date + CASE WHEN n.opening <= 0 THEN 0 ELSE 1 END
        AND d.date < coalesce(n.next_date, {last} + 1)
    WHERE n.closing <= 0 AND d.date > k.since
    EXCEPT
    SELECT company_id, product_id, date FROM sales
), by_weekday AS (
    SELECT company_id, product_id, isodow(date) AS weekday,
        count(*) AS empty_days,
        count(*) FILTER (date >= {first}) AS lost_days
    FROM empty_days
    GROUP BY company_id, product_id, isodow(date)
), sold AS (
    SELECT s.company_id, s.product_id, isodow(s.date) AS weekday,
        sum(s.items) AS items, sum(s.revenue) AS revenue
    FROM sales AS s
    JOIN known AS k
        ON k.company_id = s.company_id AND k.product_id = s.product_id AND s.date >= k.since
    GROUP BY s.company_id, s.product_id, isodow(s.date)
), stocked AS (
    SELECT k.company_id, k.product_id, isodow(d.date) AS weekday, count(*) AS days
    FROM known AS k
    JOIN days AS d ON d.date >= k.since
    GROUP BY k.company_id, k.product_id, isodow(d.date)
)
SELECT
    '{period}' AS period,
    w.company_id,
    w.product_id,
    sum(w.lost_days) AS lost_days,
    -- Of a weekday that was never in stock nothing is known, and nothing is claimed.
    sum(w.lost_days * coalesce(CAST(s.items AS DOUBLE), 0) / nullif(d.days - w.empty_days, 0))
        AS lost_units,
    sum(w.lost_days * coalesce(s.revenue, 0) / nullif(d.days - w.empty_days, 0)) AS lost_revenue
FROM by_weekday AS w
JOIN stocked AS d USING (company_id, product_id, weekday)
LEFT JOIN sold AS s USING (company_id, product_id, weekday)
WHERE w.lost_days > 0
    AND w.company_id = ANY($companies)
    AND (SELECT is_complete FROM nearest_snapshot({last}))
    AND (
        SELECT count(*) FROM data_coverage
        WHERE fact_table = 'fact_inventory_moves' AND date BETWEEN {first} - 56 AND {last}
    ) = {last} - {first} + 57
GROUP BY w.company_id, w.product_id
