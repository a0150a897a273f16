-- One line of a vendor bill, refund or receipt.
SELECT s.*{columns}
FROM fact_purchases_costed AS s{products}
WHERE {where}
