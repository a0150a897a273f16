"""What a health check finds, and what several findings make together."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Status(StrEnum):
    """How well something is; unknown: the check itself could not tell."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


EXIT_CODES = {Status.OK: 0, Status.WARN: 1, Status.FAIL: 2, Status.UNKNOWN: 3}
"""Exit codes as Nagios and its kin read them."""

_WORST_FIRST = (Status.FAIL, Status.WARN, Status.UNKNOWN, Status.OK)


@dataclass(frozen=True)
class Result:
    """One check: ``detail`` says what was found, ``remedy`` what to do, ``value`` is what was
    measured, in ``unit``."""

    name: str
    status: Status
    detail: str
    remedy: str = ""
    value: float | None = None
    unit: str = ""

    def as_dict(self) -> dict[str, object]:
        """JSON-able."""
        return asdict(self) | {"status": self.status.value}

    def __str__(self) -> str:
        return f"{self.detail.rstrip('.')}. {self.remedy}".strip()


def overall(results: Iterable[Result]) -> Status:
    """The worst of them: fail before warn before unknown before ok."""
    found = {result.status for result in results}
    return next((status for status in _WORST_FIRST if status in found), Status.UNKNOWN)
