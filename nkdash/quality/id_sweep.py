"""The id sweep: the records that Odoo has of a business day against those that raw has.

A deleted record leaves no trace in Odoo, and one that nothing is summed up of (a draft) none in
the reconciliation either. The ids tell.
"""

from datetime import date
from typing import Protocol

import polars as pl

from nkdash.clock import today
from nkdash.datasets.extract import Reader, model_here, window
from nkdash.datasets.spec import Dataset
from nkdash.lake import Layer, scan_days
from nkdash.settings import Settings
from nkdash.standing import is_whole, loaded_days

SCHEMA = pl.Schema(
    {
        "dataset": pl.String(),
        "date": pl.Date(),
        "deleted": pl.Int64(),
        "absent": pl.Int64(),
        "raw_as_of": pl.Datetime("us"),
    }
)
"""``deleted``: records that raw has of the day and Odoo has not; ``absent``: the other way round.
``raw_as_of``: as of when the raw was read that is told about (naive UTC)."""


class Searcher(Reader, Protocol):
    """What the sweep needs of an Odoo client."""

    def search_ids(self, model: str, domain: list[object]) -> list[int]: ...


def sweep(
    client: Searcher, dataset: Dataset, first: date, last: date, settings: Settings
) -> pl.DataFrame:
    """A row for each day from ``first`` to ``last`` whose ids differ, by ``SCHEMA``.

    Days that are not there whole, and today, are left out; so are snapshots. Raises OdooError.
    """
    differing: list[dict[str, object]] = []
    if dataset.is_snapshot:
        return pl.DataFrame(differing, schema=SCHEMA)
    root, source = settings.lake_root, dataset.source
    model = model_here(client, source.model)
    known = client.fields_get(model)
    for entry in loaded_days(root, Layer.RAW, dataset.name):
        day = entry.day
        if not first <= day <= min(last, today(settings)) or day == today(settings):
            continue
        if not is_whole(entry, settings.zone):
            continue
        here = scan_days(root, Layer.RAW, dataset.raw_table, [day]).select("id").collect()
        in_raw = set(here.get_column("id"))
        in_odoo = set(client.search_ids(model, window(dataset, known, day, day, settings)))
        if in_raw != in_odoo:
            differing.append(
                {
                    "dataset": dataset.name,
                    "date": day,
                    "deleted": len(in_raw - in_odoo),
                    "absent": len(in_odoo - in_raw),
                    "raw_as_of": entry.as_of,
                }
            )
    return pl.DataFrame(differing, schema=SCHEMA)
