EXISTS (
        FROM product_vendors AS v
        WHERE v.company_id = {line}.company_id
            AND v.product_id = {line}.product_id
            AND v.vendor_id = ANY($vendor)
    )
