SELECT partner_id AS id, coalesce(name, 'Customer ' || partner_id) AS name
FROM dim_partners WHERE partner_id = ANY($ids)
