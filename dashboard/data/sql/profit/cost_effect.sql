-- The cost changes of the range added up by their direction.
SELECT
    per_unit > 0 AS is_dearer,
    count(DISTINCT product_id) AS products,
    count(*) AS changes,
    sum(effect) AS effect
FROM (
{changes}
) AS changes
GROUP BY is_dearer
ORDER BY is_dearer
