-- How many snapshots of the period could be compared with the one before, and what they differ by.
SELECT
    (SELECT count(*) FROM stock_snapshots WHERE date BETWEEN $from_day AND $to_day) AS snapshots,
    (
        SELECT count(*) FROM stock_snapshots
        WHERE date BETWEEN $from_day AND $to_day AND moves_known
    ) AS compared,
    count(*) AS differences,
    coalesce(sum(variance) FILTER (variance > 0), 0) AS more,
    coalesce(-sum(variance) FILTER (variance < 0), 0) AS less
FROM (
{rows}
) AS found
