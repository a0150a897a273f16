greatest(CAST(date_trunc({grain}, source.date + periods.shift) AS DATE), $first)
