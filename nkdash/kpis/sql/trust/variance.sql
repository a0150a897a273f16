    LEFT JOIN (
        SELECT date, count(*) AS unexplained FROM stock_variance GROUP BY date
    ) AS v ON v.date = e.date AND e.is_snapshot
