-- Sales lost to empty shelves, an estimate by company and product. A product is out of stock on a day
-- that begins and ends without stock and sells nothing, once it was there; each such day of the
-- period would have sold what an average day of the same weekday with stock sold, since 56 days
-- before the period. No rows where the stock is not known.
WITH ends AS (
    SELECT h.company_id, h.product_id, sum(h.quantity) AS quantity
    FROM stock_on_hand({last}{only}) AS h
    WHERE {at_place} AND h.is_complete
    GROUP BY h.company_id, h.product_id
), {levels}, known AS (
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
    HAVING min(closing) <= 0 AND since IS NOT NULL
), spans AS (
    -- Days on end without stock.
    SELECT
        n.company_id,
        n.product_id,
        greatest(n.date + CASE WHEN n.opening <= 0 THEN 0 ELSE 1 END, k.since + 1) AS from_date,
        coalesce(n.next_date - 1, {last}) AS to_date
    FROM levels AS n
    JOIN known AS k ON k.company_id = n.company_id AND k.product_id = n.product_id
    WHERE n.closing <= 0 AND from_date <= to_date
), sales AS (
    SELECT s.company_id, s.product_id, s.date, s.items, s.{revenue} AS revenue
    FROM {sales} AS s
    JOIN known AS k
        ON k.company_id = s.company_id AND k.product_id = s.product_id AND s.date >= k.since
    WHERE s.date BETWEEN {first} - 56 AND {last} AND s.items > 0
), empty_days AS (
    SELECT company_id, product_id, CAST(unnest(generate_series(
        CAST(from_date AS TIMESTAMP), CAST(to_date AS TIMESTAMP), INTERVAL 1 DAY
    )) AS DATE) AS date
    FROM spans
), by_weekday AS (
    SELECT company_id, product_id, isodow(date) AS weekday,
        count(*) AS empty_days,
        count(*) FILTER (date >= {first}) AS lost_days
    FROM empty_days
    ANTI JOIN sales USING (company_id, product_id, date)
    GROUP BY company_id, product_id, isodow(date)
), sold AS (
    SELECT company_id, product_id, isodow(date) AS weekday,
        sum(items) AS items, sum(revenue) AS revenue
    FROM sales
    GROUP BY company_id, product_id, isodow(date)
), stocked AS (
    SELECT k.since, isodow(d.date) AS weekday, count(*) AS days
    FROM (SELECT DISTINCT since FROM known) AS k
    JOIN (
        SELECT CAST(unnest(generate_series(
            CAST({first} - 56 AS TIMESTAMP), CAST({last} AS TIMESTAMP), INTERVAL 1 DAY
        )) AS DATE) AS date
    ) AS d ON d.date >= k.since
    GROUP BY k.since, isodow(d.date)
)
SELECT
    '{period}' AS period,
    w.company_id,
    w.product_id,
    sum(w.lost_days) AS lost_days,
    -- Of a weekday that was never in stock nothing is known, and nothing is claimed.
    sum(w.lost_days * coalesce(CAST(s.items AS DOUBLE), 0) / nullif(d.days - w.empty_days, 0))
        AS lost_units,
    sum(w.lost_days * coalesce(CAST(s.revenue AS DOUBLE), 0) / nullif(d.days - w.empty_days, 0))
        AS lost_revenue
FROM by_weekday AS w
JOIN known AS k ON k.company_id = w.company_id AND k.product_id = w.product_id
JOIN stocked AS d ON d.since = k.since AND d.weekday = w.weekday
LEFT JOIN sold AS s
    ON s.company_id = w.company_id AND s.product_id = w.product_id AND s.weekday = w.weekday
WHERE w.lost_days > 0
    AND w.company_id = ANY($companies)
    AND (SELECT is_complete FROM nearest_snapshot({last}))
    AND (
        SELECT count(*) FROM data_coverage
        WHERE fact_table = 'fact_inventory_moves' AND date BETWEEN {first} - 56 AND {last}
    ) = {last} - {first} + 57
GROUP BY w.company_id, w.product_id
