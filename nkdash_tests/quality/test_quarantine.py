"""A day that differs from Odoo keeps the rows that were published, and says so."""

import shutil
import tempfile
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nkdash.catalog import Catalog
from nkdash.contracts import Column
from nkdash.datasets.spec import Fact
from nkdash.lake import Layer, write_days
from nkdash.quality.verdicts import TABLE, read_verdicts, write_verdicts
from nkdash.settings import Settings
from nkdash.warehouse import publish
from nkdash_tests.warehouse.lake_samples import (
    AS_OF,
    DAY,
    SALES,
    catalog_of,
    contents,
    days,
    land,
    land_all,
    make_settings,
    remove_day,
    sales,
)

NEXT = DAY + timedelta(days=1)
LINES = "pos_order_lines"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture
def catalog(settings: Settings) -> Catalog:
    return catalog_of(settings)


def judge(settings: Settings, day: date, *, agrees: bool, dataset: str = LINES) -> None:
    """Keep a verdict, as a reconciliation does."""
    row = {
        "dataset": dataset,
        "date": day,
        "figure": "count",
        "odoo_value": Decimal(3),
        "lake_value": Decimal(3 if agrees else 2),
        "agrees": agrees,
        "checked_at": AS_OF,
    }
    verdict = pl.DataFrame([row], schema=TABLE.schema)
    write_verdicts(settings.lake_root, dataset, verdict, [day], AS_OF)


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = duckdb.connect(path, read_only=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def published(settings: Settings, catalog: Catalog, day: date) -> pl.DataFrame:
    """fact_sales of a day after a publish."""
    connection = duckdb.connect(publish(settings, catalog).path, read_only=True)
    try:
        sql = f"FROM fact_sales WHERE date = '{day}' ORDER BY line_id"
        rows: pl.DataFrame = connection.sql(sql).pl()
        return rows
    finally:
        connection.close()


def lake(day: date, seed: int) -> pl.DataFrame:
    return sales(day, seed).sort("line_id")


def test_a_differing_day_keeps_the_rows_it_had_until_a_reconciliation_agrees(
    settings: Settings, catalog: Catalog
) -> None:
    land_all(settings, days(3))
    assert published(settings, catalog, NEXT).equals(lake(NEXT, 0))
    land(settings, NEXT, seed=1)
    land(settings, DAY, seed=1)
    judge(settings, NEXT, agrees=False)
    assert published(settings, catalog, NEXT).equals(lake(NEXT, 0))
    assert published(settings, catalog, DAY).equals(lake(DAY, 1)), "the other days go on"
    result = publish(settings, catalog)
    assert result.unchanged
    marks = "SELECT date, verdict, differing, fact_rows FROM data_coverage WHERE verdict NOT NULL"
    assert rows(result.path, marks) == [(NEXT, "differs", "count", lake(NEXT, 0).height)]
    assert rows(result.path, "SELECT dataset, date, agrees FROM reconciliation") == [
        (LINES, NEXT, False)
    ]
    [(notes,)] = rows(result.path, "SELECT notes FROM warehouse_state")
    assert any("pos_order_lines differs from Odoo on 1 days" in note for note in notes)  # type: ignore[attr-defined]
    total = "SELECT sum(revenue_tax_in) FROM fact_transactions"
    assert rows(result.path, f"{total} WHERE date = '{NEXT}'") == [
        (lake(NEXT, 0)["revenue_tax_in"].sum(),)
    ]

    judge(settings, NEXT, agrees=True)
    assert published(settings, catalog, NEXT).equals(lake(NEXT, 1))
    result = publish(settings, catalog)
    assert rows(result.path, "SELECT DISTINCT verdict FROM data_coverage ORDER BY 1") == [
        ("agrees",),
        (None,),
    ]


def test_other_datasets_of_the_day_are_not_held_back(settings: Settings, catalog: Catalog) -> None:
    land(settings, DAY)
    publish(settings, catalog)
    land(settings, DAY, seed=1, orders=9)
    judge(settings, DAY, agrees=False)
    path = publish(settings, catalog).path
    assert rows(path, "SELECT count(*) FROM fact_payments") == [(9,)]
    assert rows(path, "SELECT count(DISTINCT order_id) FROM fact_sales") == [(5,)]


def test_a_day_never_published_before_has_no_rows(settings: Settings, catalog: Catalog) -> None:
    land_all(settings, days(2))
    judge(settings, NEXT, agrees=False)
    assert published(settings, catalog, NEXT).is_empty()
    path = publish(settings, catalog).path
    assert rows(
        path,
        "SELECT date, verdict, rows, fact_rows, as_of FROM data_coverage "
        f"WHERE dataset = '{LINES}' ORDER BY date",
    ) == [(DAY, None, None, lake(DAY, 0).height, AS_OF), (NEXT, "differs", None, None, None)]
    judge(settings, NEXT, agrees=True)
    assert published(settings, catalog, NEXT).equals(lake(NEXT, 0))


def test_a_differing_day_whose_file_vanished_stays(settings: Settings, catalog: Catalog) -> None:
    land_all(settings, days(2))
    publish(settings, catalog)
    judge(settings, NEXT, agrees=False)
    remove_day(settings, "fact_sales", NEXT)
    assert published(settings, catalog, NEXT).equals(lake(NEXT, 0))
    judge(settings, NEXT, agrees=True)
    assert published(settings, catalog, NEXT).is_empty()


def test_a_change_of_the_tables_takes_the_kept_rows_along(
    settings: Settings, catalog: Catalog
) -> None:
    land_all(settings, days(2))
    publish(settings, catalog)
    land(settings, NEXT, seed=1)
    judge(settings, NEXT, agrees=False)
    other = settings.model_copy(update={"nkdash_cost_fallback": "standard_price"})
    result = publish(other, catalog)
    assert result.changed["fact_payments"] == 2, "made anew from the lake"
    held = f"SELECT line_id FROM fact_sales WHERE date = '{NEXT}' ORDER BY 1"
    assert rows(result.path, held) == lake(NEXT, 0).select("line_id").rows()

    wider = replace(SALES, columns=(*SALES.columns, Column("added", pl.Int64(), "Added")))
    datasets = tuple(
        replace(d, fact=Fact(wider, d.fact.make)) if d.fact and d.name == LINES else d
        for d in catalog.datasets
    )
    added = sales(DAY, 0).with_columns(added=pl.lit(1, pl.Int64))
    write_days(settings.lake_root, Layer.STAR, wider, added, [DAY], as_of=AS_OF)
    result = publish(other, replace(catalog, datasets=datasets))
    assert rows(result.path, held) == lake(NEXT, 0).select("line_id").rows()
    assert rows(result.path, "SELECT DISTINCT date, added FROM fact_sales ORDER BY 1") == [
        (DAY, 1),
        (NEXT, None),
    ]


def test_nothing_can_be_kept_of_a_version_that_is_damaged(
    settings: Settings, catalog: Catalog
) -> None:
    land_all(settings, days(2))
    path = publish(settings, catalog).path
    judge(settings, NEXT, agrees=False)
    path.write_bytes(b"no database")
    assert published(settings, catalog, NEXT).is_empty()
    assert published(settings, catalog, DAY).equals(lake(DAY, 0))


def test_verdicts_replace_each_other_and_are_read_by_day(settings: Settings) -> None:
    judge(settings, DAY, agrees=False)
    judge(settings, NEXT, agrees=True)
    judge(settings, DAY, agrees=True)
    found = read_verdicts(settings.lake_root, LINES, days(5))
    assert found.select("date", "agrees").rows() == [(DAY, True), (NEXT, True)]
    assert read_verdicts(settings.lake_root, "pos_payments", days(5)).is_empty()


STEPS = st.lists(
    st.tuples(st.sampled_from(["land", "agree", "differ", "publish"]), st.sampled_from(days(2))),
    max_size=12,
)


@hypothesis_settings(deadline=None, max_examples=5)
@given(STEPS)
def test_whatever_happens_a_day_shows_the_lake_or_what_was_published_last(
    steps: list[tuple[str, date]],
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        settings = make_settings(folder)
        catalog = catalog_of(settings)
        seeds = dict.fromkeys(days(2), 0)
        seen = ["line_id", "revenue_tax_in"]
        held: set[date] = set()
        shown: dict[date, int] = {}
        land_all(settings, days(2))
        for step, day in [*steps, ("publish", DAY)]:
            if step == "land":
                seeds[day] += 1
                land(settings, day, seed=seeds[day])
            elif step in ("agree", "differ"):
                judge(settings, day, agrees=step == "agree")
                (held.add if step == "differ" else held.discard)(day)
            else:
                path = publish(settings, catalog).path
                shown |= {d: seed for d, seed in seeds.items() if d not in held}
                expected = [lake(d, shown[d]).select(seen).rows() for d in sorted(shown)]
                sql = f"SELECT {', '.join(seen)} FROM fact_sales ORDER BY date, line_id"
                assert rows(path, sql) == [row for of_day in expected for row in of_day]
                marked = rows(path, "SELECT date FROM data_coverage WHERE verdict = 'differs'")
                assert {d for (d,) in marked} == held
        again = contents(publish(settings, catalog).path)
        assert again == contents(path)
    finally:
        shutil.rmtree(folder)
