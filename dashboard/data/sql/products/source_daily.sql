    SELECT
        s.product_id,
        s.date,
        s.items,
        s.returned_units,
        s.gross_tax_in,
        s.discount_tax_in,
        s.{revenue} AS revenue,
        s.{costed_revenue} AS costed_revenue,
        s.{profit} AS profit
    FROM agg_sales_product_daily AS s
    {join}
    WHERE {where}
