-- Days on which Odoo said something else than the lake: the rows published before are kept.
SELECT
    dataset || ' differs from Odoo on ' || count(*) || ' days, the last ' || max(date)
    || ': what was published of them before is kept' AS note
FROM data_coverage
WHERE verdict = 'differs'
GROUP BY dataset
ORDER BY dataset
