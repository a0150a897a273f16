"""When things run: partitions, assets, jobs and schedules."""
