SELECT w.location_id FROM dim_locations AS w
        JOIN dim_pos_configs AS t ON t.warehouse_id = w.warehouse_id
        WHERE t.pos_config_id = ANY($store)
