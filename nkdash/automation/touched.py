"""What was written in Odoo, and which loaded days of which datasets that touches.

A record is compared with what raw has of it: the same versions on the same day need no load, so
what an overlap reads twice, or a load has brought meanwhile, costs nothing. Else its day now is
touched, and every day on which raw has it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

import polars as pl

from nkdash.catalog import Catalog
from nkdash.clock import today
from nkdash.datasets.extract import Reader, extract_stamps, model_here, window
from nkdash.datasets.spec import WRITE_DATE, Dataset
from nkdash.lake import EXTRACTED_AT, Layer, scan_days
from nkdash.odoo.paging import chunks
from nkdash.settings import Settings
from nkdash.standing import is_whole, loaded_days

SECOND = timedelta(seconds=1)
IDS_A_CALL = 5000

DatasetDay = tuple[str, date]
"""A dataset and a business day."""


class Asker(Reader, Protocol):
    """What is needed of an Odoo client."""

    def search_count(self, model: str, domain: Sequence[object]) -> int: ...


@dataclass(frozen=True)
class Watch:
    """A dataset that reads the records of a model: its own (``path`` ''), or by a many2one."""

    dataset: Dataset
    path: str


Loaded = Mapping[str, Mapping[date, datetime]]
"""The whole days of each dataset, and as of when raw was read (naive UTC)."""


def watches(client: Reader, catalog: Catalog) -> dict[str, list[Watch]]:
    """The models whose changes matter, by what this Odoo calls them, and to which datasets."""
    found: dict[str, list[Watch]] = {}
    for dataset in catalog.datasets:
        if dataset.is_snapshot:
            continue
        for path in dataset.source.watched:
            if model := _model_at(client, dataset.source.model, path):
                found.setdefault(model, []).append(Watch(dataset, path))
    return found


def _model_at(client: Reader, model: str, path: str) -> str | None:
    """The model that a path of many2ones leads to; None where this Odoo lacks one of them."""
    here = model_here(client, model)
    for name in filter(None, path.split(".")):
        field = client.fields_get(here).get(name)
        if field is None or field.relation is None:
            return None
        here = field.relation
    return here


def whole_days(settings: Settings, catalog: Catalog) -> Loaded:
    """The days of each dataset, from NKDASH_START_DATE to yesterday, that were read after their
    end; what else there is, the night's load and the search for missing days bring."""
    first, now = settings.nkdash_start_date, today(settings)
    return {
        dataset.name: {
            entry.day: entry.as_of
            for entry in loaded_days(settings.lake_root, Layer.RAW, dataset.name)
            if first <= entry.day < now and is_whole(entry, settings.zone)
        }
        for dataset in catalog.datasets
        if not dataset.is_snapshot
    }


def slice_end(
    client: Asker, model: str, since: datetime, until: datetime, most: int
) -> tuple[datetime, int]:
    """The end of a slice from ``since`` of at most ``most`` written records, and their number.

    Whole seconds; a single second is taken whole, however many records it has. Raises OdooError.
    """
    while True:
        count = client.search_count(model, written(since, until))
        seconds = int((until - since).total_seconds())
        if count <= most or seconds <= 1:
            return until, count
        until = since + timedelta(seconds=max(1, min(seconds // 2, seconds * most // count)))


def written(since: datetime, until: datetime) -> list[object]:
    """The domain of what was written in the half-open window, whole seconds of naive UTC."""
    return [
        (WRITE_DATE, ">=", since.isoformat(" ", "seconds")),
        (WRITE_DATE, "<", until.isoformat(" ", "seconds")),
    ]


def touched_days(
    client: Asker,
    model: str,
    readers: Iterable[Watch],
    since: datetime,
    until: datetime,
    loaded: Loaded,
    settings: Settings,
) -> set[DatasetDay]:
    """The ``loaded`` days that are not in raw as Odoo has them now, by what was written to
    ``model`` in the window. Raises OdooError."""
    ids = client.search_read(model, written(since, until), ["id"]).get_column("id").to_list()
    if not ids:
        return set()
    return {
        (watch.dataset.name, day)
        for watch in readers
        if (days := loaded.get(watch.dataset.name))
        for day in _differing_days(client, watch, ids, days, settings)
    }


def _differing_days(
    client: Reader,
    watch: Watch,
    ids: Sequence[int],
    loaded: Collection[date],
    settings: Settings,
) -> list[date]:
    """The ``loaded`` days on which Odoo and raw differ in the records that ``ids`` are about."""
    dataset, source = watch.dataset, watch.dataset.source
    days = sorted(loaded)
    model = model_here(client, source.model)
    of_days = window(dataset, client.fields_get(model), days[0], days[-1], settings)
    link = watch.path or "id"
    in_odoo = pl.concat(
        extract_stamps(client, dataset, [*of_days, (link, "in", chunk)], settings)
        for chunk in chunks(ids, IDS_A_CALL)
    ).filter(pl.col("date").is_in(days))
    in_odoo = in_odoo.with_columns(pl.col(pl.Datetime).dt.truncate("1s"))
    in_raw = stamps_in_raw(dataset, source.raw_name(link), ids, days, settings)
    version = in_odoo.columns
    same = in_raw.filter("settled").join(in_odoo, on=version, how="semi", nulls_equal=True)
    differing = [
        rows.select(version).join(same, on=version, how="anti", nulls_equal=True)
        for rows in (in_odoo, in_raw)
    ]
    return pl.concat(differing).get_column("date").unique().sort().to_list()


def stamps_in_raw(
    dataset: Dataset, column: str, ids: Sequence[int], days: Sequence[date], settings: Settings
) -> pl.DataFrame:
    """What raw has of the rows whose ``column`` is one of ``ids``: ``date`` and the stamps.

    ``settled``: the second of the newest stamp was over when the row was read. Odoo tells whole
    seconds, so one that was not may have been written once more.
    """
    names = [f.raw_name for f in dataset.source.stamps]
    stamps = [
        dataset.source.raw_name(f"{path}.{WRITE_DATE}".lstrip("."))
        for path in dataset.source.watched
    ]
    newest = pl.max_horizontal(stamps)
    return (
        scan_days(settings.lake_root, Layer.RAW, dataset.raw_table, days)
        .filter(pl.col(column).is_in(ids))
        .select("date", *names, settled=(newest + SECOND <= pl.col(EXTRACTED_AT)).fill_null(True))
        .with_columns(pl.col(pl.Datetime).dt.truncate("1s"))
        .collect()
    )
