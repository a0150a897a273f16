"""The marts say what kpis.md says: each is worked out again here, in polars, by another way."""

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nkdash.catalog import Catalog
from nkdash.contracts import MONEY
from nkdash.datasets import invoice_sales, opening_costs
from nkdash.lake import Layer, partition_path, write_days, write_table
from nkdash.settings import Settings
from nkdash.warehouse import PublishResult, derived, publish
from nkdash.warehouse.derived import derived_tables
from nkdash_tests.warehouse.lake_samples import (
    AS_OF,
    DAY,
    SALES,
    catalog_of,
    contents,
    days,
    land,
    land_all,
    land_dimensions,
    make_settings,
    sales,
)

SEEDS = st.integers(0, 10_000)
LAST = date(2026, 2, 28)


def mart(name: str, **tables: pl.DataFrame) -> pl.DataFrame:
    """The rows of a derived table, made from just these tables."""
    [table] = [t for t in derived_tables() if t.name == name]
    with duckdb.connect() as connection:
        for other, frame in tables.items():
            connection.register(other, frame)
        made: pl.DataFrame = connection.sql(table.select).pl()
        return made


def mart_days(last: date) -> pl.DataFrame:
    return pl.DataFrame({"date": [last - timedelta(days=400), last], "fingerprint": ["a", "b"]})


def transactions(seed: int, last: date = LAST, count: int = 150) -> pl.DataFrame:
    """Random transactions of three companies, over two years and some days after ``last``."""
    pick = random.Random(seed)
    companies = pick.randrange(1, 4)
    customers = pick.randrange(1, 40)
    return pl.DataFrame(
        [
            {
                "date": last - timedelta(days=int(740 * pick.random() ** 2) - 5),
                "company_id": pick.randrange(1, companies + 1),
                "customer_id": pick.choice([None, *range(1, customers + 1)]),
                "is_refund": pick.random() < 0.2,
                "revenue_tax_in": Decimal(pick.randrange(-500, 2000)).scaleb(-1),
                "net_tax_ex": Decimal(pick.randrange(-500, 2000)).scaleb(-1),
            }
            for _ in range(count)
        ],
        schema={
            "date": pl.Date,
            "company_id": pl.Int64,
            "customer_id": pl.Int64,
            "is_refund": pl.Boolean,
            "revenue_tax_in": MONEY,
            "net_tax_ex": MONEY,
        },
    )


def one_row(
    date_: date, customer: int | None, amount: int, *, refund: bool = False
) -> pl.DataFrame:
    row = {
        "date": date_,
        "company_id": 1,
        "customer_id": customer,
        "is_refund": refund,
        "revenue_tax_in": Decimal(amount),
        "net_tax_ex": Decimal(amount),
    }
    return pl.DataFrame([row], schema=transactions(0).schema)


SEGMENTS = {
    "champions": ("5", "45"),
    "loyal": ("34", "45"),
    "potential_loyalists": ("45", "23"),
    "recent": ("5", "1"),
    "promising": ("4", "1"),
    "need_attention": ("3", "3"),
    "about_to_sleep": ("3", "12"),
    "cannot_lose": ("12", "5"),
    "at_risk": ("12", "34"),
    "hibernating": ("12", "12"),
}


def test_the_segments_share_all_scores_among_them() -> None:
    found = [(r, f) for rs, fs in SEGMENTS.values() for r in rs for f in fs]
    assert sorted(found) == sorted((r, f) for r in "12345" for f in "12345")


@hypothesis_settings(deadline=None, max_examples=25)
@given(SEEDS, st.sampled_from([LAST, date(2024, 2, 29), date(2026, 7, 31)]))
def test_rfm_equals_its_definition(seed: int, last: date) -> None:
    sold = transactions(seed, last)
    first = pl.select(pl.lit(last).dt.offset_by("-12mo")).item() + timedelta(days=1)
    bought = ~pl.col("is_refund")
    known = sold.filter(
        pl.col("date").is_between(first, last) & pl.col("customer_id").is_not_null()
    )
    expected = (
        known.group_by("company_id", "customer_id")
        .agg(
            last_date=pl.col("date").filter(bought).max(),
            transactions=bought.sum().cast(pl.Int64),
            revenue_tax_in=pl.col("revenue_tax_in").sum(),
            net_tax_ex=pl.col("net_tax_ex").sum(),
        )
        .filter(pl.col("transactions") > 0)
        .sort("company_id", "customer_id")
    )
    rows = expected.rows(named=True)

    def score(row: dict[str, Any], name: str) -> int:
        peers = [other for other in rows if other["company_id"] == row["company_id"]]
        below = sum(bool(other[name] < row[name]) for other in peers)
        return 1 + 5 * below // len(peers)

    scores = pl.DataFrame(
        {
            f"{told}_score": [score(row, name) for row in rows]
            for told, name in (
                ("recency", "last_date"),
                ("frequency", "transactions"),
                ("monetary", "revenue_tax_in"),
            )
        },
        schema_overrides={f"{n}_score": pl.Int64 for n in ("recency", "frequency", "monetary")},
    )
    segments = [
        next(
            name
            for name, (recency, frequency) in SEGMENTS.items()
            if str(r) in recency and str(f) in frequency
        )
        for r, f, _ in scores.rows()
    ]
    held = mart("mart_customer_rfm", fact_transactions=sold, mart_days=mart_days(last))
    assert held.select(expected.columns).rows() == expected.rows()
    assert held.select(scores.columns).rows() == scores.rows()
    assert held["segment"].to_list() == segments
    assert (held["days_since_last"] == (last - held["last_date"]).dt.total_days()).all()
    assert held.filter((pl.col("from_date") != first) | (pl.col("to_date") != last)).is_empty()


def test_rfm_of_five_customers_worked_out_on_paper() -> None:
    # Customer n bought n times 10 n, the last time n weeks ago; 6 only brought something back.
    sold = pl.concat(
        [
            *(one_row(LAST - timedelta(weeks=n), n, 10 * n) for n in range(1, 6) for _ in range(n)),
            one_row(LAST, 6, -50, refund=True),
            one_row(LAST, None, 70),
            one_row(LAST - timedelta(weeks=60), 1, 9_000),
            one_row(LAST + timedelta(days=1), 5, 9_000),
        ]
    )
    held = mart("mart_customer_rfm", fact_transactions=sold, mart_days=mart_days(LAST))
    told = held.select(
        "customer_id", "days_since_last", "transactions", "revenue_tax_in",
        "recency_score", "frequency_score", "monetary_score", "segment",
    )  # fmt: skip
    assert told.rows() == [
        (1, 7, 1, Decimal(10), 5, 1, 1, "recent"),
        (2, 14, 2, Decimal(40), 4, 2, 2, "potential_loyalists"),
        (3, 21, 3, Decimal(90), 3, 3, 3, "need_attention"),
        (4, 28, 4, Decimal(160), 2, 4, 4, "at_risk"),
        (5, 35, 5, Decimal(250), 1, 5, 5, "cannot_lose"),
    ]


def test_equal_customers_score_equal_and_as_the_lowest_of_them() -> None:
    sold = pl.concat(
        [one_row(LAST, n, 10) for n in range(1, 8)] + [one_row(LAST, n, 20) for n in range(8, 11)]
    )
    held = mart("mart_customer_rfm", fact_transactions=sold, mart_days=mart_days(LAST))
    assert held["monetary_score"].to_list() == [1] * 7 + [4] * 3
    assert set(held["recency_score"]) == set(held["frequency_score"]) == {1}


def month_after(month: date, count: int) -> date:
    moved = month.year * 12 + month.month - 1 + count
    return date(moved // 12, moved % 12 + 1, 1)


@hypothesis_settings(deadline=None, max_examples=25)
@given(SEEDS, st.sampled_from([LAST, date(2026, 3, 30), date(2025, 12, 31)]))
def test_cohorts_equal_their_definition(seed: int, last: date) -> None:
    sold = transactions(seed, last)
    active = sold.filter(
        (pl.col("date") <= last) & ~pl.col("is_refund") & pl.col("customer_id").is_not_null()
    ).with_columns(month=pl.col("date").dt.truncate("1mo"))
    first = active.group_by("company_id", "customer_id").agg(cohort=pl.col("month").min())
    members = first.group_by("company_id", "cohort").agg(pl.col("customer_id"))
    expected = []
    for company, cohort, customers in members.sort("company_id", "cohort").iter_rows():
        for k in range(40):
            month = month_after(cohort, k)
            if month > last:
                break
            here = active.filter(
                (pl.col("company_id") == company)
                & pl.col("customer_id").is_in(customers)
                & (pl.col("month") == month)
            )["customer_id"].n_unique()
            running = month_after(month, 1) - timedelta(days=1) > last
            n = len(customers)
            expected.append((company, cohort, k, month, n, here, here / n, running))
    held = mart("mart_customer_cohorts", fact_transactions=sold, mart_days=mart_days(last))
    assert held.rows() == expected
    assert held.filter(pl.col("months_after") == 0)["retention"].unique().to_list() in ([1.0], [])


def lines(seed: int, last: date = LAST, baskets: int = 220) -> pl.DataFrame:
    """Random baskets of two companies; a few products go together. Kinds as they come."""
    pick = random.Random(seed)
    rows = []
    for n in range(baskets):
        day = last - timedelta(days=int(500 * pick.random() ** 3) - 5)
        company = pick.choice([1, 1, 2])
        goods = [pick.randrange(1, 9) for _ in range(pick.randrange(1, 5))]
        goods += [2] * (1 in goods and pick.random() < 0.8)
        kinds = [
            pick.choice(["sale"] * 8 + ["free", "discount", "return", "service"]) for _ in goods
        ]
        document = {"order_id": n, "move_id": None} if n % 9 else {"order_id": None, "move_id": n}
        rows += [
            {
                **document,
                "date": day,
                "company_id": company,
                "product_id": p or None,
                "line_kind": k,
            }
            for p, k in zip([*goods, 0], [*kinds, "sale"], strict=True)
        ]
    schema = dict.fromkeys(("order_id", "move_id", "company_id", "product_id"), pl.Int64)
    return pl.DataFrame(rows, schema={**schema, "date": pl.Date, "line_kind": pl.String})


@hypothesis_settings(deadline=None, max_examples=25)
@given(SEEDS, st.sets(st.integers(1, 8), max_size=2))
def test_pairs_equal_their_definition(seed: int, extras: set[int]) -> None:
    sold = lines(seed)
    counted = sold.filter(
        (pl.col("date") > date(2025, 2, 28))
        & (pl.col("date") <= LAST)
        & (pl.col("line_kind") == "sale")
        & pl.col("product_id").is_not_null()
        & ~pl.col("product_id").is_in(list(extras))
    )
    baskets = (
        counted.group_by("company_id", "order_id", "move_id")
        .agg(pl.col("product_id").unique())
        .partition_by("company_id", as_dict=True)
    )
    expected = []
    for (company,), part in sorted(baskets.items()):
        held_in = part["product_id"].to_list()
        for a, b in combinations(range(1, 9), 2):
            with_a, with_b = (sum(p in goods for goods in held_in) for p in (a, b))
            both = sum(a in goods and b in goods for goods in held_in)
            n = len(held_in)
            if both >= 20:
                shares = (both / n, both / with_a, both / with_b, both * n / (with_a * with_b))
                expected.append((company, a, b, n, with_a, with_b, both, *shares))
    held = mart(
        "mart_product_pairs",
        fact_sales_all=sold,
        mart_days=mart_days(LAST),
        mart_basket_extras=pl.DataFrame(
            {"product_id": sorted(extras)}, schema={"product_id": pl.Int64}
        ),
    )
    assert not extras & {1, 2} or held.filter(pl.col("product_a") == 1).is_empty()
    assert held.drop("from_date", "to_date").rows() == [pytest.approx(row) for row in expected]


def test_a_pair_in_nineteen_baskets_is_none() -> None:
    def sold(baskets: int) -> pl.DataFrame:
        return pl.DataFrame(
            [
                {"order_id": n, "product_id": p, "date": LAST, "company_id": 1, "line_kind": "sale"}
                for n in range(40)
                for p in ([1, 2] if n < baskets else [1, 3][: 1 + n % 2])
            ],
            schema=lines(0).schema,
        )

    def pairs(baskets: int) -> list[tuple[object, ...]]:
        none = pl.DataFrame(schema={"product_id": pl.Int64})
        return mart(
            "mart_product_pairs",
            fact_sales_all=sold(baskets),
            mart_days=mart_days(LAST),
            mart_basket_extras=none,
        ).rows()

    assert pairs(19) == []
    # 1 is in all 40 baskets, 2 in 20: support 1/2, confidence 1/2 and 1, lift 20 x 40 / (40 x 20).
    [row] = pairs(20)
    assert row[2:] == (LAST, 1, 2, 40, 40, 20, 20, 0.5, 0.5, 1.0, 1.0)


def test_bags_and_services_are_extras_of_a_basket() -> None:
    def extras(*products: tuple[int, str, bool]) -> list[int]:
        frame = pl.DataFrame(products, schema=["product_id", "type", "storable"], orient="row")
        return mart("mart_basket_extras", dim_products=frame)["product_id"].to_list()

    goods, bag, fee = (1, "product", True), (2, "consu", False), (3, "service", False)
    assert extras(goods, bag, fee) == [2, 3]
    # Nothing is storable where the retailer keeps no stock in Odoo: then that tells no bag.
    assert extras(bag, fee) == [3]
    assert extras((4, "consu", True), (5, "consu", False)) == [5]


@contextmanager
def opened(result: PublishResult) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(result.path, read_only=True) as connection:
        yield connection


def rows(result: PublishResult, sql: str) -> list[tuple[object, ...]]:
    with opened(result) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the derived tables made whole, as they are made."""
    names: list[str] = []
    make = derived._make

    def counting(connection: duckdb.DuckDBPyConnection, table: derived.Derived) -> None:
        names.append(table.name)
        make(connection, table)

    monkeypatch.setattr(derived, "_make", counting)
    return names


def from_scratch(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """What one full publish of the lake into an empty folder holds."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = settings.model_copy(update={"nkdash_warehouse": Path(folder)})
        return contents(publish(fresh, catalog_of(fresh)).path)


MARTS = {"mart_customer_rfm", "mart_customer_cohorts", "mart_product_pairs"}
# Read at 08:02 on the 10th in Jakarta: the 9th is the last complete day.
COMPLETE = [DAY + timedelta(days=n) for n in range(9)]
OPEN = date(2026, 3, 10)


def test_marts_are_made_anew_when_a_complete_day_changes_and_only_then(
    settings: Settings, catalog: Catalog, made: list[str]
) -> None:
    land_all(settings, [*COMPLETE, OPEN])
    land_dimensions(settings)
    assert rows(publish(settings, catalog), "SELECT max(date) FROM mart_days") == [(COMPLETE[-1],)]

    def marts_made() -> set[str]:
        made.clear()
        result = publish(settings, catalog)
        anew = MARTS & set(made)
        assert contents(result.path) == from_scratch(settings)
        return anew

    land(settings, OPEN, seed=1)
    assert marts_made() == set(), "today's refresh"
    land_dimensions(settings, "Gloss")
    assert marts_made() == set(), "other names of products"
    land(settings, COMPLETE[3], seed=1)
    assert marts_made() == MARTS, "a late edit"
    land(settings, OPEN, seed=1, as_of=AS_OF + timedelta(days=1))
    assert marts_made() == MARTS, "today has ended"
    partition_path(settings.lake_root, Layer.STAR, "fact_sales", COMPLETE[0]).unlink()
    assert marts_made() == MARTS, "a day that vanished"


def invoice(day: date, move: int) -> pl.DataFrame:
    """A customer invoice of one line without tax."""
    table = invoice_sales.FACT
    row = {
        **{c.name: Decimal(0) for c in table.columns if not c.nullable and c.dtype.is_decimal()},
        "date": day,
        "move_id": move,
        "line_id": move * 10,
        "move_type": "out_invoice",
        "company_id": 1,
        "customer_id": 77,
        "product_id": 1,
        "line_kind": "sale",
        "is_refund": False,
        **dict.fromkeys(("gross_tax_in", "revenue_tax_in", "net_tax_ex"), Decimal(5)),
    }
    return pl.DataFrame([row], schema=table.schema)


def test_marts_follow_an_order_that_makes_an_old_invoice_its_own(
    settings: Settings, catalog: Catalog
) -> None:
    land_all(settings, COMPLETE[:2])
    table, day = invoice_sales.FACT, COMPLETE[0]
    write_days(settings.lake_root, Layer.STAR, table, invoice(day, 500), [day], as_of=AS_OF)
    customers = "SELECT count(*) FROM mart_customer_rfm WHERE customer_id = 77"
    assert rows(publish(settings, catalog), customers) == [(1,)]
    order = sales(OPEN, 0, orders=1).with_columns(account_move_id=pl.lit(500, pl.Int64))
    write_days(settings.lake_root, Layer.STAR, SALES, order, [OPEN], as_of=AS_OF)
    assert rows(publish(settings, catalog), customers) == [(0,)]


def test_profit_by_day_tells_coverage_in_both_bases(settings: Settings, catalog: Catalog) -> None:
    land_all(settings, days(3))
    land_costs(settings, (1, Decimal(4), False), (2, Decimal(3), True))
    result = publish(settings, catalog)
    with opened(result) as connection:
        lines_ = connection.sql("FROM fact_sales_profit").pl()
        daily = connection.sql("FROM agg_profit_daily").pl()
        products = connection.sql("FROM agg_sales_product_daily").pl()
    assert 0 < lines_["cost_source"].null_count() < lines_.height
    for frame, keys in (
        (daily, ["date", "company_id", "source", "pos_config_id", "cost_source"]),
        (products, ["date", "company_id", "product_id"]),
    ):
        expected = lines_.group_by(keys).agg(
            pl.len().cast(pl.Int64).alias("lines"),
            pl.col("revenue_tax_in", "net_tax_ex").sum(),
            costed_revenue_tax_in=pl.col("revenue_tax_in")
            .filter(pl.col("cogs_tax_in").is_not_null())
            .sum(),
            costed_net_tax_ex=pl.col("net_tax_ex")
            .filter(pl.col("cogs_tax_ex").is_not_null())
            .sum(),
            **{
                name: pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum())
                for name in (
                    "cogs_tax_ex",
                    "cogs_tax_in",
                    "gross_profit_tax_ex",
                    "gross_profit_tax_in",
                )
            },
        )
        assert frame.select(expected.columns).sort(keys).rows() == expected.sort(keys).rows()
    known = daily.filter(pl.col("cost_source").is_not_null())
    assert (known["costed_net_tax_ex"] - known["cogs_tax_ex"] == known["gross_profit_tax_ex"]).all()
    unknown = daily.filter(pl.col("cost_source").is_null())
    assert unknown["cogs_tax_ex"].null_count() == unknown.height


def land_costs(settings: Settings, *costs: tuple[int, Decimal, bool]) -> None:
    """Opening costs of products, for company 1."""
    frame = pl.DataFrame(
        [
            {"product_id": p, "company_id": 1, "cost_unit": c, "tax_included": included}
            for p, c, included in costs
        ],
        schema=opening_costs.TABLE.schema,
    )
    write_table(settings.lake_root, Layer.STAR, opening_costs.TABLE, frame, as_of=AS_OF)


def test_a_days_end_is_that_of_the_business_zone(tmp_path: Path) -> None:
    # Read at 23:30 UTC on the 9th: the 9th has ended in Jakarta, not in London.
    at = datetime.fromisoformat("2026-03-09T23:30:00")

    def complete(zone: str) -> Sequence[tuple[object, ...]]:
        settings = make_settings(tmp_path / zone, nkdash_timezone=zone)
        for day in days(9):
            land(settings, day, as_of=at)
        return rows(publish(settings, catalog_of(settings)), "SELECT max(date) FROM mart_days")

    assert complete("Asia/Jakarta") == [(date(2026, 3, 9),)]
    assert complete("Europe/London") == [(date(2026, 3, 8),)]
