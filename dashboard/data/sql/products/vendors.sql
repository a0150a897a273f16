-- Vendors by their newest bill up to the last day: unit cost then and on the bill before, tax out.
WITH bills AS (
    SELECT
        vendor_id,
        date,
        move_id,
        any_value(move_name) AS move_name,
        sum(CAST(cost_unit_tax_ex AS DOUBLE) * CAST(quantity AS DOUBLE))
            / sum(CAST(quantity AS DOUBLE)) AS cost,
        sum(quantity) AS quantity
    FROM fact_purchases
    WHERE product_id = $product
        AND company_id = ANY($companies)
        AND date <= $last
        AND NOT is_refund
        AND NOT is_free_item
        AND cost_unit_tax_ex > 0
        AND quantity > 0
    GROUP BY vendor_id, date, move_id
),
placed AS (
    SELECT
        *,
        row_number() OVER w AS place,
        lead(cost) OVER w AS cost_before,
        count(*) OVER (PARTITION BY vendor_id) AS bills,
        sum(quantity) OVER (PARTITION BY vendor_id) AS units
    FROM bills
    WINDOW w AS (PARTITION BY vendor_id ORDER BY date DESC, move_id DESC)
)
SELECT
    b.vendor_id,
    coalesce(v.name, '#' || b.vendor_id) AS vendor,
    b.date AS last_date,
    b.move_id,
    b.move_name,
    b.cost,
    b.cost_before,
    b.quantity,
    b.bills,
    b.units
FROM placed AS b
LEFT JOIN dim_partners AS v ON v.partner_id = b.vendor_id
WHERE b.place = 1
ORDER BY b.date DESC, b.move_id DESC
