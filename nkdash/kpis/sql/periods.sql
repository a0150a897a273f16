periods (period, first, last, shift) AS (
    VALUES ('now', $first, $last, 0){base}
)
