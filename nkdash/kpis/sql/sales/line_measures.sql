        coalesce(sum(s.quantity) FILTER (s.line_kind IN ('sale', 'free', 'service')), 0) AS items,
        coalesce(-sum(s.quantity) FILTER (s.line_kind = 'return'), 0) AS returned_units,
        coalesce(sum(s.gross_tax_in) FILTER (s.line_kind IN ('sale', 'free', 'service')), 0)
            AS gross_tax_in,
        coalesce(sum(s.discount_tax_in) FILTER (s.line_kind <> 'return'), 0) AS discount_tax_in,
        coalesce(-sum(s.revenue_tax_in) FILTER (s.line_kind = 'return'), 0) AS returns_tax_in,
        sum(s.revenue_tax_in) AS revenue_tax_in,
        sum(s.net_tax_ex) AS net_tax_ex
