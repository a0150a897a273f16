steps AS (
    -- A customer counts for 365 days from every day on which he bought, less those for which he counts
    -- already; as one who came again, until the last transaction but one is 365 days old.
    SELECT
        greatest(date, coalesce(previous_date + 365, date)) AS day,
        count(*) AS customers,
        0 AS repeaters
    FROM source
    WHERE transactions > 0
    GROUP BY day
    UNION ALL
    SELECT date + 365 AS day, -count(*), 0
    FROM source
    WHERE transactions > 0
    GROUP BY day
    UNION ALL
    SELECT greatest(date, coalesce(previous_second_date + 365, date)) AS day, 0, count(*)
    FROM source
    WHERE transactions > 0 AND second_date + 365 > date
    GROUP BY day
    UNION ALL
    SELECT second_date + 365 AS day, 0, -count(*)
    FROM source
    WHERE transactions > 0 AND second_date + 365 > date
    GROUP BY day
)
