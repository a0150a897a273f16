"""A snapshot as a file: its schema version, and how it is opened for reading.

Publish and the readers open a version with the same settings, since DuckDB refuses one path with
two configurations in one process.
"""

from pathlib import Path

import duckdb

SCHEMA_VERSION = 3
"""What readers may rely on: raised when a table or column they use changes its meaning."""


def open_snapshot(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection that reaches nothing but the snapshot. Raises duckdb.Error."""
    return duckdb.connect(
        path,
        read_only=True,
        config={"enable_external_access": "false", "python_enable_replacements": "false"},
    )
