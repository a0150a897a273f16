bought AS (
    SELECT date, lag(date) OVER customer AS before, lead(date) OVER customer AS after
    FROM source
    WHERE customer_id IS NOT NULL AND transactions > 0
    WINDOW customer AS (PARTITION BY company_id, customer_id ORDER BY date)
),
steps AS (
    -- A customer counts from a transaction to the next one, or until it is 365 days old; as one who
    -- came again, until the one before it is.
    SELECT date AS day, 1 AS customers, 0 AS repeaters FROM bought
    UNION ALL
    SELECT least(after, date + 365), -1, 0 FROM bought
    UNION ALL
    SELECT date, 0, 1 FROM bought WHERE before + 365 > date
    UNION ALL
    SELECT least(after, before + 365), 0, -1 FROM bought WHERE before + 365 > date
)
