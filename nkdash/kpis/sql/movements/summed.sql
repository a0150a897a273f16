-- The moves of a day by kind and direction, so that little is left to be told apart by kind.
SELECT date, company_id, movement_type, sum(quantity) AS quantity, sum(signed) AS signed
FROM (
{source}
) AS moves
GROUP BY date, company_id, movement_type, sign(signed)
