h.location_id IN (
            SELECT w.location_id FROM dim_locations AS w
            JOIN dim_pos_configs AS s ON s.warehouse_id = w.warehouse_id
            WHERE s.pos_config_id = ANY($store)
        )
