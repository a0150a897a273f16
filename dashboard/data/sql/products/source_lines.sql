    SELECT
        s.product_id,
        s.date,
        CASE WHEN s.line_kind IN ('sale', 'free', 'service') THEN s.quantity ELSE 0 END AS items,
        CASE WHEN s.line_kind = 'return' THEN -s.quantity ELSE 0 END AS returned_units,
        CASE WHEN s.line_kind IN ('sale', 'free', 'service') THEN s.gross_tax_in ELSE 0 END
            AS gross_tax_in,
        CASE WHEN s.line_kind <> 'return' THEN s.discount_tax_in ELSE 0 END AS discount_tax_in,
        s.{revenue} AS revenue,
        CASE WHEN s.{cogs} IS NOT NULL THEN s.{revenue} ELSE 0 END AS costed_revenue,
        s.{profit} AS profit
    FROM fact_sales_profit AS s
    {join}
    WHERE {where}
