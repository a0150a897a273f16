-- One calendar day, from two years of weeks (for the comparison with last year) before the first
-- loaded day to a year after the last.
--   date [local]: Calendar day
--   year: Calendar year
--   quarter [1 to 4]: Calendar quarter
--   month [first day of the month]: Calendar month
--   iso_week [its Monday]: ISO week
--   iso_year: Year of the ISO week
--   iso_week_number [1 to 53]: Number of the ISO week
--   weekday [1 to 7]: Day of the week, 1 is Monday
--   day_of_month [1 to 31]: Day of the month
--   is_weekend: Saturday or Sunday
-- whole: warehouse_manifest
WITH loaded AS (
    SELECT min(day) AS first_day, max(day) AS last_day
    FROM warehouse_manifest
    WHERE layer = 'star-schema'
), days AS (
    SELECT unnest(range(first_day - 364 * 2, last_day + 367, INTERVAL 1 DAY))::DATE AS date
    FROM loaded
    WHERE first_day IS NOT NULL
)
SELECT
    date,
    year(date)::INTEGER AS year,
    quarter(date)::INTEGER AS quarter,
    date_trunc('month', date)::DATE AS month,
    date_trunc('week', date)::DATE AS iso_week,
    isoyear(date)::INTEGER AS iso_year,
    week(date)::INTEGER AS iso_week_number,
    isodow(date)::INTEGER AS weekday,
    day(date)::INTEGER AS day_of_month,
    isodow(date) >= 6 AS is_weekend
FROM days
ORDER BY date
