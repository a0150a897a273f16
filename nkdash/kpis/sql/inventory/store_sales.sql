(
            SELECT
                date,
                company_id,
                product_id,
                coalesce(sum(quantity) FILTER (line_kind IN ('sale', 'free', 'service')), 0)
                    AS items,
                coalesce(-sum(quantity) FILTER (line_kind = 'return'), 0) AS returned_units,
                sum(revenue_tax_in) AS revenue_tax_in,
                sum(net_tax_ex) AS net_tax_ex
            FROM fact_sales_all
            WHERE pos_config_id = ANY($store)
            GROUP BY date, company_id, product_id
        )
