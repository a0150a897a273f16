-- One vendor; documents without one share a row.
SELECT
    coalesce(m.vendor, 0) AS vendor_id,
    partner.name AS vendor,
    d.vendor_share,
    m.* EXCLUDE (period, vendor)
FROM (
{measured}
) AS m
JOIN (
{shares}
) AS d ON d.vendor IS NOT DISTINCT FROM m.vendor
LEFT JOIN dim_partners AS partner ON partner.partner_id = m.vendor
