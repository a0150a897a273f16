"""A sandbox with the recorded retailer, and a lake that was loaded from it without Dagster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from pydantic import SecretStr

from nkdash.catalog import Catalog, load_catalog
from nkdash.clock import days_between
from nkdash.datasets.extract import extract_days, extract_dimension
from nkdash.datasets.spec import Dataset
from nkdash.lake import Layer, write_days, write_table
from nkdash.odoo import OdooClient, OdooConnection
from nkdash.quality.reconcile import reconcile
from nkdash.quality.verdicts import differing_days
from nkdash.sandbox import SandboxServer, load_records, serve
from nkdash.settings import Settings
from nkdash_tests.conftest import RECORDS
from nkdash_tests.datasets.stock import make_settings

Protocol = Literal["jsonrpc", "json2"]

FIRST, LAST = date(2026, 10, 13), date(2026, 10, 16)
DAYS = days_between(FIRST, LAST)


@dataclass
class Retailer:
    """An Odoo, a client of it and a lake."""

    odoo: SandboxServer
    client: OdooClient
    settings: Settings
    catalog: Catalog

    @property
    def datasets(self) -> list[Dataset]:
        """Those that can be reconciled."""
        return [d for d in self.catalog.datasets if d.reconcile]

    def dataset(self, name: str) -> Dataset:
        return next(d for d in self.catalog.datasets if d.name == name)

    def load(
        self,
        first: date = FIRST,
        last: date = LAST,
        names: Sequence[str] = (),
        layers: Sequence[Layer] = (Layer.RAW, Layer.CLEAN, Layer.STAR),
    ) -> None:
        """Load days as the assets do; ``layers`` fewer where a run broke off."""
        root, days = self.settings.lake_root, days_between(first, last)
        dimensions = {}
        for dimension in self.catalog.dimensions:
            made = dimension.make(extract_dimension(self.client, dimension).lazy()).collect()
            write_table(root, Layer.STAR, dimension.table, made, as_of=now())
            dimensions[dimension.table.name] = made.lazy()
        for d in self.datasets:
            if names and d.name not in names:
                continue
            raw = extract_days(self.client, d, first, last, self.settings)
            write_days(root, Layer.RAW, d.raw_table, raw, days, as_of=now())
            clean = d.clean(raw.lazy()).collect()
            if Layer.CLEAN in layers:
                write_days(root, Layer.CLEAN, d.clean_table, clean, days, as_of=now())
            if d.fact and Layer.STAR in layers:
                star = d.fact.make(clean.lazy(), {n: dimensions[n] for n in d.fact.dimensions})
                write_days(root, Layer.STAR, d.fact.table, star.collect(), days, as_of=now())

    def reconcile(self, name: str, first: date = FIRST, last: date = LAST) -> pl.DataFrame:
        return reconcile(self.client, self.dataset(name), first, last, self.settings)

    def differing(self) -> dict[str, list[date]]:
        """Each dataset that differs now, with its days."""
        found = {d.name: differing_days(self.reconcile(d.name)) for d in self.datasets}
        return {name: days for name, days in found.items() if days}

    def some(self, model: str, condition: pl.Expr) -> int:
        """The id of the first record that fits."""
        return int(self.odoo.control.store.world.tables[model].frame.filter(condition)["id"][0])


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


@contextmanager
def serving(records: Path, folder: Path, protocol: Protocol) -> Iterator[Retailer]:
    """A sandbox with ``records`` and an empty lake in ``folder``."""
    settings = make_settings(
        folder, nkdash_start_date=FIRST, nkdash_now=datetime(2026, 11, 23, 5, tzinfo=UTC)
    )
    with serve(load_records(records)) as odoo:
        connection = OdooConnection(
            host="127.0.0.1",
            port=odoo.port,
            protocol=protocol,
            db="demo",
            username="demo",
            api_key=SecretStr("demo"),
            max_attempts=1,
        )
        with OdooClient(connection) as client:
            yield Retailer(odoo, client, settings, load_catalog(settings))


@pytest.fixture
def retailer(tmp_path: Path) -> Iterator[Retailer]:
    """The recorded retailer, four days loaded."""
    with serving(RECORDS, tmp_path, "jsonrpc") as made:
        made.load()
        made.odoo.control.reset_calls()
        yield made
