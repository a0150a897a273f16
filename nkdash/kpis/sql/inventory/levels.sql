totals AS (
    SELECT company_id, product_id, date, change, total
    FROM stock_totals
    WHERE date BETWEEN {first} - 56 AND {last}{of_chosen}
), emptied AS (
    -- What was out of stock at some time: few products, of which every change is then looked at.
    SELECT c.company_id, c.product_id, coalesce(e.quantity, 0) - c.total AS before
    FROM (
        SELECT company_id, product_id, arg_max(total, date) AS total, min(total) AS lowest
        FROM totals
        GROUP BY company_id, product_id
    ) AS c
    LEFT JOIN ends AS e ON e.company_id = c.company_id AND e.product_id = c.product_id
    WHERE c.product_id IN ({products}) AND before + c.lowest <= 0
), levels AS (
    SELECT
        c.company_id,
        c.product_id,
        c.date,
        k.before + c.total AS closing,
        closing - c.change AS opening,
        lead(c.date) OVER (PARTITION BY c.company_id, c.product_id ORDER BY c.date) AS next_date
    FROM totals AS c
    JOIN emptied AS k ON k.company_id = c.company_id AND k.product_id = c.product_id
)
