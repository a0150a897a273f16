"""What NKDash ought to do, worked out from Odoo's records alone and without its code.

Which days of which datasets were touched from one look to the next: by the versions (``write_date``
of the record and of those it is read with) of all records of a day. A deletion is a touch too.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

import polars as pl

from nkdash.datasets.spec import Dataset
from nkdash.sandbox import World
from nkdash.sandbox.env import Env, User
from nkdash.sandbox.retailer.sales import UTC_OFFSET

Versions = dict[str, pl.DataFrame]


def versions(world: World, datasets: Iterable[Dataset]) -> Versions:
    """Each record of each dataset: id, day and versions."""
    env = Env(world, User(2, "oracle", (1,)), {"active_test": False})
    return {dataset.name: _versions(env, dataset) for dataset in datasets}


def _versions(env: Env, dataset: Dataset) -> pl.DataFrame:
    source, world = dataset.source, env.world
    rows = env.rows(source.model, source.domain(world.tables[source.model].fields))
    day = world.follow(source.model, rows, source.day_field)
    if source.day_kind == "utc":
        day = (day.dt.offset_by(f"{int(UTC_OFFSET.total_seconds())}s")).dt.date()
    stamps = [
        world.follow(source.model, rows, f"{path}.write_date".lstrip(".")).alias(path or "own")
        for path in source.watched
    ]
    return pl.DataFrame([rows["id"], day.alias("day"), *stamps])


def touched(before: Versions, after: Versions) -> set[tuple[str, date]]:
    """The days of datasets whose records are not what they were."""
    found = set()
    for name, rows in after.items():
        was = before[name]
        for left, right in ((rows, was), (was, rows)):
            gone = left.join(right, on=left.columns, how="anti", nulls_equal=True)
            found |= {(name, day) for day in gone["day"].unique()}
    return found


class Touches:
    """How often each day of each dataset was touched, by looks, after it was over."""

    def __init__(self, world: World, datasets: Iterable[Dataset]) -> None:
        self._datasets = list(datasets)
        self.names = {dataset.name for dataset in self._datasets}
        self._last = versions(world, self._datasets)
        self.counts: Counter[tuple[str, date]] = Counter()

    def look(self, world: World, now: datetime) -> None:
        """Compare with the last look; ``now`` is the shops' wall clock."""
        found = versions(world, self._datasets)
        self.counts.update(
            (name, day) for name, day in touched(self._last, found) if day < now.date()
        )
        self._last = found
