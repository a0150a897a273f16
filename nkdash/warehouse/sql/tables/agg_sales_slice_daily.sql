-- One day of one store and source, of one slice of its sales: what a category, a brand or a principal
-- sold, or what was sold against a payment method. Columns as in agg_sales_daily. Slices of a kind
-- overlap (a receipt may hold two brands, and be paid in two ways), so they are not to be added up; a
-- figure of one slice is exact, its transactions too.
--   kind: category (with all below it), own_category (without), root_category, brand, principal:
--       lines with such a product; method (of payment): whole transactions
--   id: record of that kind; null for lines or transactions that have none
--   transactions: transactions but pure refunds that hold such a line
--   refund_transactions: pure refunds that hold such a line
--   customer_transactions: those of transactions with a known customer
--   provisional_transactions: those of transactions whose session is still open
--   lines: lines of sales, discount lines too
--   items [product unit]: units of kinds sale, free and service
--   returned_units [product unit]: units of kind return, positive
--   gross_tax_in [company currency, tax in]: before discounts, of kinds sale, free and service
--   discount_tax_in [company currency, tax in]: discounts of all lines but returns, vouchers too
--   returns_tax_in [company currency, tax in]: what was paid back for lines of kind return,
--       positive
--   revenue_tax_in [company currency, tax in]: gross_tax_in - discount_tax_in - returns_tax_in
-- days: fact_sales_all fact_transactions fact_payments
-- whole: dim_products dim_categories
WITH RECURSIVE above (category_id, id) AS (
    SELECT category_id, category_id FROM dim_categories
    UNION ALL
    SELECT a.category_id, c.parent_id
    FROM above AS a
    JOIN dim_categories AS c ON c.category_id = a.id
    WHERE c.parent_id IS NOT NULL
), sold AS NOT MATERIALIZED (
    SELECT
        s.*,
        coalesce(s.order_id, -s.move_id) AS basket_id,
        s.line_kind IN ('sale', 'free', 'service') AS is_sold,
        s.line_kind = 'return' AS is_returned,
        p.category_id,
        p.root_category_id,
        p.brand_id,
        p.principal_id
    FROM fact_sales_all AS s
    LEFT JOIN dim_products AS p ON p.product_id = s.product_id
), of_kind AS NOT MATERIALIZED (
    SELECT 'brand' AS kind, brand_id AS id, * FROM sold
    UNION ALL
    SELECT 'principal', principal_id, * FROM sold
    UNION ALL
    SELECT 'root_category', root_category_id, * FROM sold
    UNION ALL
    SELECT 'own_category', category_id, * FROM sold
    UNION ALL
    SELECT 'category', a.id, s.* FROM sold AS s JOIN above AS a ON a.category_id = s.category_id
), figures AS (
    SELECT
        date,
        company_id,
        source,
        pos_config_id,
        kind,
        id,
        count(*) AS lines,
        coalesce(sum(quantity) FILTER (is_sold), 0) AS items,
        coalesce(-sum(quantity) FILTER (is_returned), 0) AS returned_units,
        coalesce(sum(gross_tax_in) FILTER (is_sold), 0) AS gross_tax_in,
        coalesce(sum(discount_tax_in) FILTER (NOT is_returned), 0) AS discount_tax_in,
        coalesce(-sum(revenue_tax_in) FILTER (is_returned), 0) AS returns_tax_in,
        sum(revenue_tax_in) AS revenue_tax_in,
        sum(net_tax_ex) AS net_tax_ex,
        sum(tax) AS tax
    FROM of_kind
    GROUP BY ALL
), baskets AS (
    SELECT
        t.date,
        t.company_id,
        t.source,
        t.pos_config_id,
        b.kind,
        b.id,
        count(*) FILTER (NOT t.is_refund) AS transactions,
        count(*) FILTER (t.is_refund) AS refund_transactions,
        count(*) FILTER (NOT t.is_refund AND t.customer_id IS NOT NULL) AS customer_transactions,
        count(*) FILTER (NOT t.is_refund AND t.is_provisional) AS provisional_transactions
    FROM (SELECT DISTINCT date, kind, id, basket_id FROM of_kind) AS b
    JOIN fact_transactions AS t
        ON t.date = b.date AND coalesce(t.order_id, -t.move_id) = b.basket_id
    GROUP BY ALL
), receipts AS NOT MATERIALIZED (
    SELECT 'method' AS kind, p.payment_method_id AS id, t.*
    FROM fact_transactions AS t
    JOIN (
        SELECT DISTINCT date, order_id, payment_method_id FROM fact_payments
        WHERE payment_method_id IS NOT NULL
    ) AS p ON p.date = t.date AND p.order_id = t.order_id
)
SELECT
    f.date,
    f.company_id,
    f.source,
    f.pos_config_id,
    f.kind,
    f.id,
    b.transactions,
    b.refund_transactions,
    b.customer_transactions,
    b.provisional_transactions,
    f.lines,
    f.items::DECIMAL(18, 4) AS items,
    f.returned_units::DECIMAL(18, 4) AS returned_units,
    f.gross_tax_in::DECIMAL(18, 2) AS gross_tax_in,
    f.discount_tax_in::DECIMAL(18, 2) AS discount_tax_in,
    f.returns_tax_in::DECIMAL(18, 2) AS returns_tax_in,
    f.revenue_tax_in::DECIMAL(18, 2) AS revenue_tax_in,
    f.net_tax_ex::DECIMAL(18, 2) AS net_tax_ex,
    f.tax::DECIMAL(18, 2) AS tax
FROM figures AS f
JOIN baskets AS b
    ON b.date = f.date
    AND b.company_id = f.company_id
    AND b.source = f.source
    AND b.pos_config_id IS NOT DISTINCT FROM f.pos_config_id
    AND b.kind = f.kind
    AND b.id IS NOT DISTINCT FROM f.id
UNION ALL
SELECT
    date,
    company_id,
    source,
    pos_config_id,
    kind,
    id,
    count(*) FILTER (NOT is_refund),
    count(*) FILTER (is_refund),
    count(*) FILTER (NOT is_refund AND customer_id IS NOT NULL),
    count(*) FILTER (NOT is_refund AND is_provisional),
    sum(lines)::BIGINT,
    sum(items)::DECIMAL(18, 4),
    sum(returned_units)::DECIMAL(18, 4),
    sum(gross_tax_in)::DECIMAL(18, 2),
    sum(discount_tax_in)::DECIMAL(18, 2),
    sum(returns_tax_in)::DECIMAL(18, 2),
    sum(revenue_tax_in)::DECIMAL(18, 2),
    sum(net_tax_ex)::DECIMAL(18, 2),
    sum(tax)::DECIMAL(18, 2)
FROM receipts
GROUP BY date, company_id, source, pos_config_id, kind, id
ORDER BY kind, id, date, company_id, source, pos_config_id
