"""What of each dataset lies in the lake: days, gaps, rows, and how fresh it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from nkdash.catalog import Catalog
from nkdash.cli.days import ranges
from nkdash.clock import days_between
from nkdash.lake import LakePath
from nkdash.standing import LoadedDay, is_whole, loaded_days, tables


@dataclass(frozen=True)
class Coverage:
    """One dataset in one layer.

    ``missing`` are days between the first loaded one and yesterday without a file; ``empty`` have
    one without rows. ``unfinished`` are past days that were last read before they had ended.
    ``as_of`` is the newest reading (naive UTC). ``fresh``: yesterday is there, read after its end.
    A ``snapshot`` has what was there at one instant: its missing days are lost, none is unfinished,
    and it is fresh with one of yesterday or today.
    """

    dataset: str
    layer: str
    table: str
    first: date | None
    last: date | None
    days: int
    missing: tuple[date, ...]
    empty: tuple[date, ...]
    unfinished: tuple[date, ...]
    rows: int
    as_of: datetime | None
    fresh: bool
    snapshot: bool = False

    def as_dict(self) -> dict[str, object]:
        """JSON-able; days ISO, missing and unfinished days as [first, last] ranges."""
        return {
            "dataset": self.dataset,
            "layer": self.layer,
            "table": self.table,
            "first": self.first and self.first.isoformat(),
            "last": self.last and self.last.isoformat(),
            "days": self.days,
            "missing_days": len(self.missing),
            "missing": _iso(self.missing),
            "empty_days": len(self.empty),
            "empty": _iso(self.empty),
            "unfinished": _iso(self.unfinished),
            "rows": self.rows,
            "as_of": self.as_of and self.as_of.replace(tzinfo=UTC).isoformat(),
            "fresh": self.fresh,
            "snapshot": self.snapshot,
        }


def _iso(days: Sequence[date]) -> list[list[str]]:
    return [[a.isoformat(), b.isoformat()] for a, b in ranges(days)]


def coverage(
    dataset: str,
    layer: str,
    table: str,
    loaded: Sequence[LoadedDay],
    today: date,
    zone: ZoneInfo,
    *,
    snapshot: bool = False,
) -> Coverage:
    """The coverage that ``loaded`` days (oldest first) make, seen on the business day ``today``."""
    days = {entry.day for entry in loaded}
    past = [d for d in days_between(min(days), today) if d < today] if days else []
    unfinished = {e.day for e in loaded if e.day < today and not is_whole(e, zone)}
    if snapshot:
        unfinished.clear()
    return Coverage(
        dataset=dataset,
        layer=layer,
        table=table,
        first=min(days, default=None),
        last=max(days, default=None),
        days=len(days),
        missing=tuple(d for d in past if d not in days),
        empty=tuple(e.day for e in loaded if e.rows == 0),
        unfinished=tuple(sorted(unfinished)),
        rows=sum(e.rows for e in loaded),
        as_of=max((e.as_of for e in loaded), default=None),
        fresh=(snapshot and today in days)
        or (bool(past) and past[-1] in days and past[-1] not in unfinished),
        snapshot=snapshot,
    )


def lake_coverage(root: LakePath, catalog: Catalog, today: date, zone: ZoneInfo) -> list[Coverage]:
    """Every dataset of the catalog, layer by layer. Reads file footers only."""
    return [
        coverage(
            dataset.name,
            layer.value,
            table,
            loaded_days(root, layer, table),
            today,
            zone,
            snapshot=dataset.is_snapshot,
        )
        for dataset in catalog.datasets
        for layer, table in tables(dataset)
    ]
