"""The checks as Dagster shows them: one step a dataset and run, whatever the number of days.

An evaluation is of the run's days together and its metadata names those that are wrong: one
evaluation a day would cost as much as the day itself.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from nkdash import clock
from nkdash.catalog import Catalog
from nkdash.contracts import Table, findings
from nkdash.datasets.spec import Dataset
from nkdash.lake import (
    Layer,
    days_present,
    list_days,
    list_table,
    read_footers,
    scan_days,
    scan_table,
)
from nkdash.odoo import OdooError
from nkdash.odoo.resource import POOL, OdooResource
from nkdash.quality import pos_totals, volume
from nkdash.quality.reconcile import reconcile
from nkdash.quality.references import orphans, references
from nkdash.quality.verdicts import differing_days
from nkdash.settings import Settings
from nkdash.warehouse.snapshot import open_snapshot

CONTRACT = "contract"
RECONCILIATION = "reconciliation"
REFERENCES = "references"
VOLUME = "volume"
LINES = "lines_add_up"
PAYMENTS = "payments_add_up"
HELD_BACK = "held_back"
STOCK_VARIANCE = "stock_variance"

POS = ("pos_orders", "pos_order_lines", "pos_payments")
# A check that is run by itself, not on what a run has just loaded, looks that far back.
DAYS_BY_ITSELF = 35
DAYS_TOLD = 20


def contract_spec(key: Sequence[str]) -> dg.AssetCheckSpec:
    """The spec of the check that ``contract_result`` reports."""
    return dg.AssetCheckSpec(
        CONTRACT,
        asset=dg.AssetKey(key),
        description="Columns, types, nulls, ranges and key of the contract.",
    )


def contract_result(
    key: dg.AssetKey, frame: pl.DataFrame, table: Table, days: Sequence[date] = ()
) -> dg.AssetCheckResult:
    """What the contract says of a frame that is about to land.

    Severity ERROR where it must not: the lake's writer then refuses it.
    """
    found = findings(frame, table)
    refused = any(finding.severity == "error" for finding in found)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CONTRACT,
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR if refused else dg.AssetCheckSeverity.WARN,
        description="; ".join(finding.words for finding in found) or None,
        metadata={"rows": frame.height, **_span(days)},
    )


def dataset_checks(
    dataset: Dataset, catalog: Catalog, settings: Settings
) -> dg.AssetChecksDefinition:
    """Reconciliation with Odoo, orphans and unusual days of a dataset, on its last table."""
    fact = dataset.fact
    layer, table = (Layer.STAR, fact.table) if fact else (Layer.CLEAN, dataset.clean_table)
    key = dg.AssetKey(["star" if fact else "clean", table.name])
    referenced = references(table, [d.table for d in catalog.dimensions]) if fact else {}
    specs = [dg.AssetCheckSpec(VOLUME, asset=key, description="No day far from its weekday's use.")]
    if referenced:
        specs.append(
            dg.AssetCheckSpec(
                REFERENCES,
                asset=key,
                # Where one run loads both, the dimensions come first.
                additional_deps=sorted(
                    {dg.AssetKey(["star", t.name]) for t in referenced.values()}
                ),
                description="Every id is in its dimension.",
            )
        )
    if dataset.reconcile:
        specs.append(
            dg.AssetCheckSpec(
                RECONCILIATION,
                asset=key,
                description="Count and sums of every day are those of Odoo, to the cent.",
                # Publish comes after it, and holds back the days that differ. The severity is
                # WARN all the same: one wrong day must not keep the others from being published.
                blocking=True,
            )
        )

    @dg.multi_asset_check(name=f"check_{dataset.name}", specs=specs, pool=POOL)
    def check(
        context: dg.AssetCheckExecutionContext, odoo: OdooResource
    ) -> Iterator[dg.AssetCheckResult]:
        days = _days(context, dataset, settings)
        if dataset.reconcile:
            yield _reconciled(key, odoo, dataset, days, settings)
        if referenced:
            yield _referenced(key, table, referenced, days, settings)
        yield _usual(key, layer, table, days, settings)

    return check


def pos_total_checks(settings: Settings, catalog: Catalog) -> dg.AssetChecksDefinition:
    """Lines and payments against the totals of their POS orders, once all three are loaded."""
    raw = {d.name: d.raw_table for d in catalog.datasets if d.name in POS}
    key = dg.AssetKey(["raw", "pos_orders"])

    @dg.multi_asset_check(
        name="check_pos_totals",
        specs=[
            dg.AssetCheckSpec(
                LINES,
                asset=key,
                additional_deps=[dg.AssetKey(["raw", "pos_order_lines"])],
                description="The lines of an order add up to its total.",
            ),
            dg.AssetCheckSpec(
                PAYMENTS,
                asset=key,
                additional_deps=[dg.AssetKey(["raw", "pos_payments"])],
                description="The payments of an order add up to what it says was paid.",
            ),
        ],
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        root = settings.lake_root
        loaded = [days_present(root, Layer.RAW, name) for name in POS]
        days = sorted(set(_asked(context, settings)).intersection(*loaded))
        orders, lines, payments = (scan_days(root, Layer.RAW, raw[name], days) for name in POS)
        for name, unequal in (
            (LINES, pos_totals.unequal_lines(orders, lines)),
            (PAYMENTS, pos_totals.unequal_payments(orders, payments)),
        ):
            words = [str(unequal)] if unequal else []
            yield _warning(key, name, words, days)

    return check


def warehouse_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Specs of the checks that ``warehouse_results`` reports of a published version."""
    return [
        dg.AssetCheckSpec(HELD_BACK, asset=key, description="No day is held back from publishing."),
        dg.AssetCheckSpec(
            STOCK_VARIANCE, asset=key, description="Snapshots of stock and the moves agree."
        ),
    ]


def warehouse_results(key: dg.AssetKey, version: Path) -> Iterator[dg.AssetCheckResult]:
    """The checks of a published ``version``."""
    connection = open_snapshot(version)
    try:
        held = connection.execute(
            "SELECT dataset, date FROM data_coverage WHERE verdict = 'differs' ORDER BY ALL"
        ).fetchall()
        variances = connection.execute(
            "SELECT date, count(*) FROM stock_variance GROUP BY date ORDER BY date DESC"
        ).fetchall()
    finally:
        connection.close()
    yield _warning(
        key, HELD_BACK, [f"{dataset} of {day} differs from Odoo" for dataset, day in held]
    )
    yield _warning(
        key,
        STOCK_VARIANCE,
        [f"{day}: {count} stocks that no move explains" for day, count in variances],
    )


def _reconciled(
    key: dg.AssetKey, odoo: OdooResource, dataset: Dataset, days: list[date], settings: Settings
) -> dg.AssetCheckResult:
    past = [day for day in days if day < clock.today(settings)]
    if not past:
        return _warning(key, RECONCILIATION, [], days, note="no day that is loaded and over")
    try:
        with odoo.client() as client:
            verdicts = reconcile(client, dataset, past[0], past[-1], settings)
    except (OdooError, dg.Failure) as error:
        cause = error.description if isinstance(error, dg.Failure) else str(error)
        return _warning(key, RECONCILIATION, [f"could not be compared: {cause}"], past)
    words = [
        f"{row['date']}: {row['figure']} {row['odoo_value']:f} in Odoo, {_told(row['lake_value'])}"
        for row in verdicts.filter(~pl.col("agrees")).sort("date", "figure").iter_rows(named=True)
    ]
    return _warning(key, RECONCILIATION, words, past, differing=differing_days(verdicts))


def _told(value: object) -> str:
    return f"{value:f} here" if value is not None else "none here"


def _referenced(
    key: dg.AssetKey,
    table: Table,
    referenced: dict[str, Table],
    days: list[date],
    settings: Settings,
) -> dg.AssetCheckResult:
    root = settings.lake_root
    there = {
        t.name: scan_table(root, Layer.STAR, t)
        for t in referenced.values()
        if list_table(root, Layer.STAR, t.name)
    }
    loaded = sorted(days_present(root, Layer.STAR, table.name) & set(days))
    found = orphans(scan_days(root, Layer.STAR, table, loaded), referenced, there)
    return _warning(key, REFERENCES, [str(o) for o in found], loaded)


def _usual(
    key: dg.AssetKey, layer: Layer, table: Table, days: list[date], settings: Settings
) -> dg.AssetCheckResult:
    past = [day for day in days if day < clock.today(settings)]
    wanted = {*past, *(d for day in past for d in volume.weekdays_before(day))}
    files = [f for f in list_days(settings.lake_root, layer, table.name) if f.day in wanted]
    footers = zip(files, read_footers([file.path for file in files]), strict=True)
    rows = {file.day: footer.rows for file, footer in footers if file.day and footer}
    found = volume.unusual_days(rows, past)
    return _warning(key, VOLUME, [str(day) for day in found], past)


def _warning(
    key: dg.AssetKey,
    name: str,
    found: Sequence[str],
    days: Sequence[date] = (),
    *,
    differing: Sequence[date] = (),
    note: str | None = None,
) -> dg.AssetCheckResult:
    """A result that passed where nothing was ``found``, and warns of it otherwise."""
    metadata: dict[str, dg.MetadataValue] = dict(_span(days))
    if differing:
        told = ", ".join(map(str, differing[:DAYS_TOLD]))
        metadata["differing_days"] = dg.MetadataValue.text(told)
    if found:
        metadata["found"] = dg.MetadataValue.int(len(found))
        metadata["examples"] = dg.MetadataValue.md("\n".join(f"- {w}" for w in found[:DAYS_TOLD]))
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=found[0] if found else note,
        metadata=metadata,
    )


def _span(days: Sequence[date]) -> dict[str, dg.MetadataValue]:
    """The days that were looked at."""
    if not days:
        return {}
    return {"days": dg.MetadataValue.text(f"{min(days)} to {max(days)} ({len(days)})")}


def _days(
    context: dg.AssetCheckExecutionContext, dataset: Dataset, settings: Settings
) -> list[date]:
    """The run's days; by itself, the last ones that are loaded."""
    days = set(_asked(context, settings))
    return sorted(days & days_present(settings.lake_root, Layer.RAW, dataset.name))


def _asked(context: dg.AssetCheckExecutionContext, settings: Settings) -> list[date]:
    if context.has_partition_key or context.has_partition_key_range:
        return [date.fromisoformat(key) for key in context.partition_keys]
    today = clock.today(settings)
    return clock.days_between(today - timedelta(days=DAYS_BY_ITSELF), today)
