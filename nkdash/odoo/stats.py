"""Counters of what a client did on the wire, safe to update from several threads."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class StatsSnapshot:
    """``calls`` are HTTP requests, retries among them. ``call_seconds`` adds up all calls,
    ``busy_seconds`` is the time during which at least one call was under way."""

    calls: int = 0
    retries: int = 0
    call_seconds: float = 0.0
    busy_seconds: float = 0.0
    bytes_sent: int = 0
    bytes_received: int = 0

    def __sub__(self, earlier: "StatsSnapshot") -> "StatsSnapshot":
        """What happened since ``earlier``."""
        before = earlier.as_dict()
        return StatsSnapshot(**{k: v - before[k] for k, v in self.as_dict().items()})  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, int | float]:
        """The counters by name, JSON-able."""
        return asdict(self)


class Stats:
    """Thread-safe counters; read them with :meth:`snapshot`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = self._retries = self._sent = self._received = self._in_flight = 0
        self._call_seconds = self._busy_seconds = self._busy_since = 0.0

    @contextmanager
    def call(self, bytes_sent: int) -> Iterator[None]:
        """Count one request and the time spent in it, however it ends."""
        started = time.perf_counter()
        with self._lock:
            self._calls += 1
            self._sent += bytes_sent
            self._busy_since = self._busy_since if self._in_flight else started
            self._in_flight += 1
        try:
            yield
        finally:
            ended = time.perf_counter()
            with self._lock:
                self._in_flight -= 1
                self._call_seconds += ended - started
                if not self._in_flight:
                    self._busy_seconds += ended - self._busy_since

    def retried(self) -> None:
        """Count one more attempt at a call that failed."""
        with self._lock:
            self._retries += 1

    def received(self, size: int) -> None:
        """Count ``size`` bytes of answers (uncompressed)."""
        with self._lock:
            self._received += size

    def snapshot(self) -> StatsSnapshot:
        """The counters of all calls that have ended."""
        with self._lock:
            return StatsSnapshot(
                calls=self._calls,
                retries=self._retries,
                call_seconds=self._call_seconds,
                busy_seconds=self._busy_seconds,
                bytes_sent=self._sent,
                bytes_received=self._received,
            )
