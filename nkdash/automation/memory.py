"""What sensors and alerts remember between ticks: JSON by name, in Dagster's own storage.

It lies where Dagster keeps its runs (SQLite or Postgres), so every process of an instance shares
it, and a restart forgets nothing.
"""

import json
from typing import Any

import dagster as dg

PREFIX = "nkdash/"


def recall(instance: dg.DagsterInstance, name: str) -> Any:
    """What was remembered under ``name``; None where nothing was."""
    key = PREFIX + name
    kept = instance.daemon_cursor_storage.get_cursor_values({key}).get(key)
    return json.loads(kept) if kept else None


def remember(instance: dg.DagsterInstance, name: str, value: Any) -> None:
    """Keep ``value`` (JSON-able; None forgets) under ``name``."""
    instance.daemon_cursor_storage.set_cursor_values({PREFIX + name: json.dumps(value)})
