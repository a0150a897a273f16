"""A loaded retailer under a clock that the test moves: Odoo, NKDash and the lake agree on it."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from nkdash import clock
from nkdash.automation import changes
from nkdash.automation.changes import tick
from nkdash.automation.requests import RANGE_END, RANGE_START
from nkdash.catalog import Catalog
from nkdash.clock import days_between
from nkdash.datasets.extract import extract_days
from nkdash.lake import EXTRACTED_AT, Layer, scan_days
from nkdash.odoo import OdooClient
from nkdash.sandbox.control import Control
from nkdash.settings import Settings
from nkdash_tests.conftest import RECORDS
from nkdash_tests.quality import conftest as quality
from nkdash_tests.quality.conftest import DAYS, Retailer, serving

RECORDS_19 = RECORDS.parents[1] / "19" / "records"
DAYS_19 = days_between(date(2026, 11, 12), date(2026, 11, 15))
START = datetime(2026, 11, 24, 5, tzinfo=UTC)
"""After everything that was recorded."""

Found = set[tuple[str, date]]


@dataclass
class Changing:
    """A retailer whose four days are loaded, and the sensor beside it."""

    retailer: Retailer
    instance: dg.DagsterInstance
    days: list[date]
    now: datetime = START

    @property
    def settings(self) -> Settings:
        return self.retailer.settings

    @property
    def catalog(self) -> Catalog:
        return self.retailer.catalog

    @property
    def control(self) -> Control:
        return self.retailer.odoo.control

    def wait(self, **time: float) -> None:
        """Move the clock on, Odoo's and ours."""
        self.now += timedelta(**time)
        self.control.set_clock(self.now)

    def rows(self, model: str, condition: pl.Expr) -> list[int]:
        frame = self.control.store.world.tables[model].frame
        return frame.filter(condition)["id"].to_list()

    def load(self, first: date, last: date, names: Collection[str] = ()) -> None:
        self.retailer.load(first, last, tuple(names))

    def ask(self) -> list[dg.RunRequest]:
        """A tick, three minutes later."""
        self.wait(minutes=3)
        told = tick(self.instance, self.settings, self.catalog, self.connect)
        return told if isinstance(told, list) else []

    def connect(self, settings: Settings) -> OdooClient:
        return OdooClient(self.retailer.client.connection)

    def settle(self) -> Found:
        """Tick, load what is asked for and tick again, until nothing is; each at most once."""
        found: Found = set()
        while requests := self.ask():
            for request in requests:
                asked = days_of(request)
                assert not asked & found, "asked for twice"
                found |= asked
                self.wait(seconds=20)
                self.carry_out(request)
        return found

    def carry_out(self, request: dg.RunRequest) -> None:
        """What the run of a request does."""
        names = {name for name, _ in days_of(request)}
        self.load(*span(request), names)

    def assert_lake_is_odoo(self) -> None:
        """Raw of every loaded day is what a load would bring now."""
        for dataset in self.retailer.datasets:
            fresh = extract_days(
                self.retailer.client, dataset, self.days[0], self.days[-1], self.settings
            )
            here = scan_days(
                self.settings.lake_root, Layer.RAW, dataset.raw_table, self.days
            ).collect()
            order = ["date", "id"]
            assert (
                here.drop(EXTRACTED_AT).sort(order).equals(fresh.drop(EXTRACTED_AT).sort(order))
            ), dataset.name


def span(request: dg.RunRequest) -> tuple[date, date]:
    return (
        date.fromisoformat(request.tags[RANGE_START]),
        date.fromisoformat(request.tags[RANGE_END]),
    )


def days_of(request: dg.RunRequest) -> Found:
    """The (dataset, day) that a request loads."""
    names = [key.path[1] for key in request.asset_selection or () if key.path[0] == "clean"]
    return {(name, day) for name in names for day in days_between(*span(request))}


@contextmanager
def changing(
    records: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, *, load: bool = True
) -> Iterator[Changing]:
    """A sandbox with ``records``, its four days loaded a minute after START."""
    with (
        serving(records, folder, "jsonrpc") as retailer,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        retailer.settings = retailer.settings.model_copy(update={"nkdash_now": None})
        made = Changing(retailer, instance, DAYS_19 if records == RECORDS_19 else DAYS)
        monkeypatch.setattr(clock, "machine_now", lambda: made.now)
        monkeypatch.setattr(quality, "now", lambda: made.now.replace(tzinfo=None))
        monkeypatch.setattr(changes, "why_closed", lambda *_: None)
        made.wait(minutes=1)
        if load:
            made.load(made.days[0], made.days[-1])
            made.wait(hours=1)
            assert made.ask() == []
        yield made
