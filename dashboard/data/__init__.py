"""Questions to the published warehouse: SQL with parameters, a session per callback, a cache."""
