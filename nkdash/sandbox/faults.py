"""Faults that a test arms for coming calls, and the log of what was called."""

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["http", "error", "hang", "break", "slow"]


@dataclass
class Fault:
    """What to do to some calls.

    Of the calls that match ``model`` and ``method`` (None: any), the first ``after`` pass, the
    next ``times`` are hit. ``http``: that ``status``, with Retry-After where ``retry_after`` is
    set. ``error``: an Odoo error ``name`` with ``message``. ``hang``: no answer until released,
    stopped or given up. ``break``: the socket closes half-way through the body. ``slow``: answers
    ``seconds`` late.
    """

    kind: Kind
    model: str | None = None
    method: str | None = None
    after: int = 0
    times: int = 1
    status: int = 500
    retry_after: int | None = None
    name: str = "psycopg2.errors.SerializationFailure"
    message: str = "could not serialize access due to concurrent update\n"
    seconds: float = 1.0
    seen: int = 0

    def hits(self, model: str | None, method: str) -> bool:
        """Count a call, and say whether it is one to be hit."""
        if (self.model and self.model != model) or (self.method and self.method != method):
            return False
        self.seen += 1
        return self.after < self.seen <= self.after + self.times


@dataclass(frozen=True)
class Call:
    """One answered call: ``status`` is HTTP's, ``error`` Odoo's name of an error, ``fault`` the
    kind of fault it met."""

    number: int
    service: str
    model: str | None
    method: str
    args: Any
    kwargs: Any
    status: int
    error: str | None
    bytes: int
    seconds: float
    fault: str | None


@dataclass
class Traffic:
    """Armed faults and the log of calls; safe between threads."""

    keep: int = 10_000
    released: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _faults: list[Fault] = field(default_factory=list)
    _calls: deque[Call] = field(default_factory=deque)
    _counts: Counter[str] = field(default_factory=Counter)
    _number: int = 0

    def arm(self, fault: Fault) -> None:
        """Add a fault; those armed first are asked first. Later hangs hold again."""
        with self._lock:
            self.released.clear()
            self._faults.append(fault)

    def disarm(self) -> None:
        """Forget all faults and let hanging calls go."""
        with self._lock:
            self._faults.clear()
        self.released.set()

    def fault_for(self, model: str | None, method: str) -> Fault | None:
        """The fault that this call meets, if any; counts the call for every fault."""
        with self._lock:
            hit = [fault for fault in self._faults if fault.hits(model, method)]
            return hit[0] if hit else None

    def record(self, **entry: Any) -> None:
        """Log a call (the fields of ``Call`` but its number)."""
        with self._lock:
            self._number += 1
            call = Call(number=self._number, **entry)
            self._calls.append(call)
            if len(self._calls) > self.keep:
                self._calls.popleft()
            self._counts[f"{call.model}.{call.method}" if call.model else call.method] += 1

    def calls(self) -> list[Call]:
        """The last calls, oldest first."""
        with self._lock:
            return list(self._calls)

    def counts(self) -> dict[str, int]:
        """How often each ``model.method`` was called since the last reset."""
        with self._lock:
            return dict(self._counts)

    def reset(self) -> None:
        """Forget the log and the counts; faults stay."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()
            self._number = 0

    def armed(self) -> list[dict[str, Any]]:
        """The faults with how many calls each has seen."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]
