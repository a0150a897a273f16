"""How Operations says days, instants, datasets and runs."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from dashboard.i18n import Texts
from dashboard.orchestrator import Run
from nkdash.kpis import format as fmt


@dataclass(frozen=True)
class Wording:
    """Texts of one language, and the business zone in which instants are told."""

    texts: Texts
    zone: ZoneInfo

    def __call__(self, key: str, **values: object) -> str:
        """A text in the reader's language."""
        return self.texts(key, **values)

    def either(self, key: str, fallback: str) -> str:
        """A text that need not be there, since what it names may be added later."""
        return self.texts.texts.get(key, fallback)

    def day(self, value: date) -> str:
        """A date as it reads."""
        return fmt.day(value, self("months"))

    def days(self, first: date, last: date) -> str:
        """A range as it reads."""
        return fmt.days(first, last, self("months"))

    def short_day(self, value: date) -> str:
        """A date without its year."""
        return self.day(value).rsplit(" ", 1)[0]

    def moment(self, utc: datetime | None) -> str:
        """A naive UTC instant in the business zone; an en dash where there is none."""
        if utc is None:
            return fmt.NO_FIGURE
        return fmt.moment(utc.replace(tzinfo=UTC).astimezone(self.zone), self("months"))

    def dataset(self, name: str) -> str:
        """A dataset; one without a text of its own by its name."""
        return self.either(f"dataset.{name}", name.replace("_", " "))

    def what(self, run: Run) -> str:
        """What a run loads: datasets, or what its job is about."""
        if run.datasets and len(run.datasets) <= 2:
            return ", ".join(sorted(self.dataset(name) for name in run.datasets))
        if run.datasets:
            return self("ops.datasets", count=len(run.datasets))
        if run.datasets is not None:
            return self("ops.no_days")
        return self.either(f"job.{run.job}", run.job)

    def why(self, run: Run) -> str:
        """Why a run was made."""
        if not run.reason:
            return self("reason.hand")
        return self.either(f"reason.{run.reason}", run.reason.replace("_", " "))

    def lasting(self, seconds: float) -> str:
        """How long something took."""
        whole = max(0, round(seconds))
        if whole < 60:
            return f"{whole} s"
        if whole < 3600:
            return f"{whole // 60} min {whole % 60:02d} s"
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
