"""How days stand, from the lake's files alone, and which loads failed."""

from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest

from nkdash.catalog import Catalog, load_catalog
from nkdash.contracts import Table, empty
from nkdash.datasets.spec import Dataset
from nkdash.lake import Layer, write_days
from nkdash.quality.verdicts import TABLE, write_verdicts
from nkdash.settings import Settings, load_settings
from nkdash.standing import State, standing, tables

FIRST = date(2026, 10, 1)
# Each day ends at 17:00 UTC; it is the 6th in Jakarta.
NOW = datetime(2026, 10, 6, 3, 0, tzinfo=UTC)
DAYS = [FIRST + timedelta(days=n) for n in range(5)]


@pytest.fixture
def settings(settings_env: pytest.MonkeyPatch) -> Settings:
    settings_env.setenv("NKDASH_NOW", NOW.isoformat())
    return load_settings()


@pytest.fixture
def catalog(settings: Settings) -> Catalog:
    return load_catalog(settings)


def dataset(catalog: Catalog, name: str) -> Dataset:
    return next(d for d in catalog.datasets if d.name == name)


def contract(found: Dataset, layer: Layer) -> Table:
    star = found.fact.table if found.fact else found.clean_table
    return {Layer.RAW: found.raw_table, Layer.CLEAN: found.clean_table, Layer.STAR: star}[layer]


def put(
    settings: Settings, found: Dataset, day: date, as_of: datetime, *, only: Layer | None = None
) -> None:
    """An empty day of every layer, read at ``as_of``."""
    for layer, _ in tables(found):
        if only in (None, layer):
            table = contract(found, layer)
            write_days(settings.lake_root, layer, table, empty(table), [day], as_of=as_of)


def after(day: date, hours: int = 18) -> datetime:
    return datetime.combine(day, time(hours))


def states(settings: Settings, catalog: Catalog, name: str, **more: object) -> dict[date, State]:
    found = standing(settings, catalog, **more)  # type: ignore[arg-type]
    return {d.day: d.state for d in found if d.dataset == name}


def test_every_expected_day_has_one_state(settings: Settings, catalog: Catalog) -> None:
    orders = dataset(catalog, "pos_orders")
    put(settings, orders, DAYS[0], after(DAYS[0]))
    put(settings, orders, DAYS[1], after(DAYS[1], 16))
    put(settings, orders, DAYS[3], after(DAYS[3]))
    put(settings, orders, DAYS[3], after(DAYS[3], 20), only=Layer.RAW)
    put(settings, orders, DAYS[4], after(DAYS[4]), only=Layer.RAW)
    assert states(settings, catalog, "pos_orders") == {
        DAYS[0]: State.EMPTY,
        DAYS[1]: State.UNFINISHED,
        DAYS[2]: State.MISSING,
        DAYS[3]: State.OUTDATED,
        DAYS[4]: State.OUTDATED,
    }


def test_a_changed_file_is_seen_though_footers_are_kept(
    settings: Settings, catalog: Catalog
) -> None:
    orders = dataset(catalog, "pos_orders")
    put(settings, orders, DAYS[0], after(DAYS[0], 16))
    assert states(settings, catalog, "pos_orders")[DAYS[0]] is State.UNFINISHED
    put(settings, orders, DAYS[0], after(DAYS[0]))
    assert states(settings, catalog, "pos_orders")[DAYS[0]] is State.EMPTY


def test_snapshots_are_expected_from_the_first_and_then_lost(
    settings: Settings, catalog: Catalog
) -> None:
    assert states(settings, catalog, "stock_quants") == {}
    put(settings, dataset(catalog, "stock_quants"), DAYS[1], after(DAYS[1], 16))
    found = states(settings, catalog, "stock_quants")
    assert found == {
        DAYS[1]: State.EMPTY,
        DAYS[2]: State.LOST,
        DAYS[3]: State.LOST,
        DAYS[4]: State.LOST,
    }


def test_a_day_differs_until_a_later_reconciliation_agrees(
    settings: Settings, catalog: Catalog
) -> None:
    put(settings, dataset(catalog, "pos_orders"), DAYS[0], after(DAYS[0]))
    for agrees, state in ((False, State.DIFFERS), (True, State.EMPTY)):
        verdict = pl.DataFrame(
            [["pos_orders", DAYS[0], "count", 1, 0, agrees, None, after(DAYS[1])]],
            schema=TABLE.schema,
            orient="row",
        )
        write_verdicts(settings.lake_root, "pos_orders", verdict, [DAYS[0]], after(DAYS[1]))
        assert states(settings, catalog, "pos_orders")[DAYS[0]] is state


def test_a_failed_load_shows_with_its_cause_and_what_is_there(
    settings: Settings, catalog: Catalog
) -> None:
    put(settings, dataset(catalog, "pos_orders"), DAYS[0], after(DAYS[0]))
    failed = {("pos_orders", DAYS[0]): "raw: no.", ("pos_orders", DAYS[1]): "raw: no."}
    found = {
        d.day: (d.state, d.detail)
        for d in standing(settings, catalog, failed)
        if d.dataset == "pos_orders"
    }
    assert found[DAYS[0]] == (State.FAILED, "(empty) raw: no.")
    assert found[DAYS[1]] == (State.FAILED, "(missing) raw: no.")
    assert found[DAYS[2]][0] is State.MISSING
