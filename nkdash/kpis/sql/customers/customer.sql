sum(source.transactions) AS transactions,
        bool_or(source.is_first) AS is_new,
        sum(source.revenue_tax_in) AS revenue_tax_in,
        sum(source.net_tax_ex) AS net_tax_ex
