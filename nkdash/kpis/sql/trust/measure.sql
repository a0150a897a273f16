WITH {periods},
datasets AS (
    SELECT
        dataset,
        coalesce(bool_or(fact_table = $snapshots), false) AS is_snapshot,
        min(date) AS first_day
    FROM data_coverage
    GROUP BY dataset
),
complete_to AS (
    SELECT periods.period, held.dataset, max(held.date) AS complete_to
    FROM periods
    JOIN data_coverage AS held ON held.date <= periods.last AND held.is_complete
    GROUP BY ALL
),
expected AS (
    SELECT periods.period, periods.last, d.dataset, d.is_snapshot, CAST(day AS DATE) AS date
    FROM periods,
        datasets AS d,
        LATERAL (SELECT unnest(generate_series(periods.first, periods.last, INTERVAL 1 DAY)) AS day)
    -- Snapshots are expected from their first one on.
    WHERE NOT d.is_snapshot OR day >= d.first_day
),
source AS (
    SELECT
        e.*,
        c.complete_to,
        coalesce(held.verdict = 'differs', false) AS differs,
        -- Of a day in quarantine there may be no rows, but it was loaded.
        differs OR coalesce(held.rows, held.fact_rows) IS NOT NULL AS is_loaded{unexplained}
    FROM expected AS e
    LEFT JOIN data_coverage AS held ON held.dataset = e.dataset AND held.date = e.date
    LEFT JOIN complete_to AS c ON c.period = e.period AND c.dataset = e.dataset{variance}
)
SELECT
    periods.period,{dimensions}
    {kpis}
FROM source
JOIN periods ON periods.period = source.period
GROUP BY ALL
ORDER BY {order}
