SELECT * FROM (
{products}
) AS stock
WHERE {rule}
