-- How long the lists of things to do are, and what they are about in money at cost.
SELECT
    count(*) FILTER ({reorder}) AS reorder_products,
    sum(reorder_value) FILTER ({reorder}) AS reorder_value,
    count(*) FILTER ({promote}) AS promote_products,
    sum(stock_value) FILTER ({promote}) AS promote_value,
    count(*) FILTER ({top}) AS top_products,
    sum(stock_value) FILTER ({top}) AS top_value,
    any_value(on_order IS NOT NULL) AS orders_known
FROM (
{products}
) AS stock
