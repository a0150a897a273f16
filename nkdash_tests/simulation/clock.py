"""One virtual clock for NKDash, Dagster and the sandbox."""

from datetime import datetime

import pytest
from dagster._core.test_utils import get_freezable_log_manager


class VirtualClock:
    """An instant (aware, UTC) that moves only when it is told to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Make NKDash and Dagster (ticks, runs, events) ask this clock."""
        patch.setattr("nkdash.clock.machine_now", lambda: self.now)
        patch.setattr("dagster._time._mockable_get_current_datetime", lambda: self.now)
        patch.setattr("dagster._time._mockable_get_current_timestamp", lambda: self.now.timestamp())
        logs = get_freezable_log_manager()  # type: ignore[no-untyped-call]
        patch.setattr("dagster._core.log_manager.DagsterLogManager", logs)
