-- What the last reconciliation of a day found, what differs first.
SELECT figure, odoo_value, lake_value, agrees, detail, checked_at
FROM reconciliation
WHERE dataset = $dataset AND date = $day
ORDER BY agrees, figure
