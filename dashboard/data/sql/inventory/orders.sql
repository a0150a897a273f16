-- Whether it is known what is on order.
SELECT {orders} AND count(*) > 0 AS known
FROM warehouse_manifest
WHERE table_name = 'dim_open_purchase_lines'
