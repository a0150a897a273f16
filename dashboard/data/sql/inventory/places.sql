-- The warehouses of the chosen stores; no rows where Odoo's shops are not loaded with theirs.
SELECT DISTINCT warehouse_id
FROM dim_pos_configs
WHERE pos_config_id = ANY($store) AND warehouse_id IS NOT NULL
