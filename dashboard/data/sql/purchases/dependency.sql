-- Of each {kind} the vendor who got most of its spend, his share, and how many share it.
SELECT
    {kind},
    arg_max(vendor, vendor_share) AS vendor,
    max(vendor_share) AS vendor_share,
    count(*) AS vendors,
    max(spend) AS spend
FROM (
    SELECT s.{kind}, s.vendor, s.vendor_share, m.spend
    FROM (
{shares}
    ) AS s
    JOIN (
{spends}
    ) AS m ON m.{kind} IS NOT DISTINCT FROM s.{kind}
    WHERE s.vendor_share > 0
)
GROUP BY {kind}
ORDER BY spend DESC
