({line}.company_id, {line}.product_id) IN (
        SELECT (v.company_id, v.product_id) FROM product_vendors AS v
        WHERE v.vendor_id = ANY($vendor)
    )
