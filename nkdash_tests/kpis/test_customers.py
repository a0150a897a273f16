"""New, returning and repeating customers, worked out again by plain loops over random receipts."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pytest

from nkdash.kpis import customers, loyalty
from nkdash.kpis.model import KpiError, Query, TaxBasis
from nkdash.kpis.periods import Comparison, Grain, Period, base_period
from nkdash.kpis.registry import measure, trend
from nkdash.kpis.selection import Ids, Selection
from nkdash.warehouse.derived import derived_tables

LAST = date(2028, 3, 20)
PERIOD = Period(LAST - timedelta(days=99), LAST)
NAMES = tuple(kpi.name for kpi in customers.KPIS)
DIMENSIONS = ("day", "week", "month", "company", "source", "store", "cashier", "customer", "hour")
FILTERS: list[Mapping[str, Ids]] = [
    {},
    {"store": (2,)},
    {"cashier": (5,), "store": (1, 2)},
    {"customer": (3, 4, 5)},
    {"source": ("invoice",)},
]
Row = dict[str, Any]


def receipts(seed: int) -> list[Row]:
    """Random receipts and documents of two companies over 600 days, walk-ins and refunds too."""
    pick = random.Random(seed)
    rows: list[Row] = []
    for number in range(700):
        day = LAST - timedelta(days=int(600 * pick.random() ** 1.5))
        invoice = pick.random() < 0.15
        spent = Decimal(pick.randrange(1, 90_000)).scaleb(-2)
        refund = pick.random() < 0.15
        rows.append(
            {
                "date": day,
                "txn_key": f"{'invoice' if invoice else 'pos'}-{number}",
                "source": "invoice" if invoice else "pos",
                "order_id": None if invoice else number,
                "ordered_at_local": None
                if invoice
                else datetime.combine(day, time(pick.randrange(8, 22), pick.randrange(60))),
                "hour": None if invoice else pick.randrange(8, 22),
                "company_id": pick.randrange(1, 3),
                "pos_config_id": None if invoice else pick.randrange(1, 4),
                "user_id": pick.choice([7, 8]),
                "cashier_id": pick.choice([None, 5, 6]),
                "customer_id": pick.choice([None, *range(1, 60)]),
                "is_refund": refund,
                "is_provisional": False,
                "lines": 1,
                "items": Decimal(0 if refund else 1),
                "returned_units": Decimal(1 if refund else 0),
                "gross_tax_in": spent,
                "discount_tax_in": Decimal(0),
                "returns_tax_in": Decimal(0),
                "revenue_tax_in": -spent if refund else spent,
                "net_tax_ex": -spent / 2 if refund else spent / 2,
            }
        )
    return rows


@dataclass(frozen=True)
class Till:
    """The receipts, and a database that holds them and their first ones."""

    rows: list[Row]
    ask: Callable[[Query], list[Row]]

    def sold(self, period: Period, filters: Mapping[str, Ids]) -> list[Row]:
        """Receipts of known customers that a selection holds."""
        columns = {"store": "pos_config_id", "cashier": "cashier_id", "customer": "customer_id"}
        return [
            row
            for row in self.rows
            if row["customer_id"]
            and period.first <= row["date"] <= period.last
            and all(row[columns.get(kind, kind)] in ids for kind, ids in filters.items())
        ]


@pytest.fixture(scope="module", params=[1, 2])
def till(request: pytest.FixtureRequest) -> Iterator[Till]:
    """Receipts of a seed."""
    rows = receipts(request.param)
    made = ("customer_firsts", "agg_customers_daily")
    with duckdb.connect() as connection:
        frame = pl.DataFrame(rows, infer_schema_length=None)
        connection.register("receipts", frame)
        connection.execute("CREATE TABLE fact_transactions AS FROM receipts")
        for table in derived_tables():
            if table.name in made:
                connection.execute(f"CREATE TABLE {table.name} AS {table.select}")

        def ask(query: Query) -> list[Row]:
            found: pl.DataFrame = connection.sql(query.sql, params=query.values).pl()
            return found.to_dicts()

        yield Till(rows, ask)


def selection(
    filters: Mapping[str, Ids] | None = None, comparison: Comparison = Comparison.NONE
) -> Selection:
    """The period, in both companies."""
    return Selection(PERIOD, base_period(PERIOD, comparison), (1, 2), filters or {})


def key(row: Row) -> tuple[int, int]:
    return row["company_id"], row["customer_id"]


def firsts(rows: list[Row]) -> set[str]:
    """The first purchase of each customer: of a day the earliest, documents after all receipts."""
    found: dict[tuple[int, int], Row] = {}
    for row in sorted(
        rows,
        key=lambda r: (r["date"], r["source"] == "invoice", r["ordered_at_local"], r["txn_key"]),
    ):
        if row["customer_id"] and not row["is_refund"]:
            found.setdefault(key(row), row)
    return {row["txn_key"] for row in found.values()}


def by_hand(till: Till, sold: list[Row]) -> Row:
    """The KPIs of these receipts, by their words."""
    first = firsts(till.rows)
    active = {key(row) for row in sold if not row["is_refund"]}
    new = {key(row) for row in sold if row["txn_key"] in first}
    spent = sum((row["revenue_tax_in"] for row in sold), Decimal(0))
    by_new = sum((row["revenue_tax_in"] for row in sold if key(row) in new), Decimal(0))
    return {
        "active_customers": len(active),
        "new_customers": len(new),
        "returning_customers": len(active - new),
        "new_customer_revenue": by_new,
        "returning_customer_revenue": spent - by_new,
        "revenue_per_customer": pytest.approx(float(spent) / len(active)) if active else None,
    }


@pytest.mark.parametrize("filters", FILTERS)
def test_every_figure_is_what_its_words_say(till: Till, filters: Mapping[str, Ids]) -> None:
    asked = selection(filters, Comparison.PREVIOUS)
    found = {row.pop("period"): row for row in till.ask(measure(NAMES, asked))}
    assert asked.base
    assert found["now"] == by_hand(till, till.sold(asked.period, filters))
    assert found["base"] == by_hand(till, till.sold(asked.base, filters))
    assert found["now"]["new_customers"] > 0 or filters


@pytest.mark.parametrize("by", DIMENSIONS)
def test_new_customers_add_up_over_slices_and_active_ones_do_not(till: Till, by: str) -> None:
    [total] = till.ask(measure(NAMES, selection()))
    parts = till.ask(measure(NAMES, selection(), (by,)))
    assert sum(row["new_customers"] for row in parts) == total["new_customers"]
    active = sum(row["active_customers"] for row in parts)
    assert active == total["active_customers"] if by == "company" else active >= 50
    if by in ("day", "store", "hour"):
        assert active > total["active_customers"]


@pytest.mark.parametrize("grain", [Grain.DAY, Grain.WEEK, Grain.MONTH])
def test_new_and_returning_are_all_the_active_ones_in_every_bucket(
    till: Till, grain: Grain
) -> None:
    rows = till.ask(trend(NAMES, selection({}, Comparison.YEAR), grain))
    for row in rows:
        assert row["new_customers"] + row["returning_customers"] == row["active_customers"]
        spent = row["new_customer_revenue"] + row["returning_customer_revenue"]
        if row["active_customers"]:
            assert row["revenue_per_customer"] == pytest.approx(
                float(spent) / row["active_customers"]
            )
    totals = {row["period"]: row["active_customers"] for row in rows if row["is_total"]}
    whole = till.ask(measure(NAMES, selection({}, Comparison.YEAR)))
    assert totals == {row["period"]: row["active_customers"] for row in whole}


def test_a_bucket_is_told_by_its_own_days(till: Till) -> None:
    rows = till.ask(trend(NAMES, selection(), Grain.WEEK))
    for row in rows:
        if row["is_total"]:
            continue
        last = row["bucket"] + timedelta(days=6 - row["bucket"].weekday())
        expected = by_hand(till, till.sold(Period(row["bucket"], min(last, LAST)), {}))
        assert {name: row[name] for name in NAMES} == expected


@pytest.mark.parametrize("grain", [Grain.DAY, Grain.WEEK, Grain.MONTH])
@pytest.mark.parametrize("names", [NAMES, ("repeat_rate",)], ids=["customers", "repeat_rate"])
def test_days_of_customers_tell_what_their_receipts_tell(
    till: Till, names: tuple[str, ...], grain: Grain
) -> None:
    # A filter that holds everything: it is answered from receipts.
    everything: Mapping[str, Ids] = {"source": ("pos", "invoice")}
    for comparison in (Comparison.PREVIOUS, Comparison.YEAR, Comparison.NONE):
        of_days = till.ask(trend(names, selection({}, comparison), grain))
        of_receipts = till.ask(trend(names, selection(everything, comparison), grain))
        assert of_days == of_receipts


def test_everybody_is_new_once_in_all_the_lake(till: Till) -> None:
    lake = Period(LAST - timedelta(days=700), LAST)
    asked = Selection(lake, None, (1, 2), {})
    days = till.ask(measure(("new_customers",), asked, ("day",)))
    bought = {key(row) for row in till.rows if row["customer_id"] and not row["is_refund"]}
    assert sum(row["new_customers"] for row in days) == len(bought)
    [whole] = till.ask(measure(NAMES, asked))
    assert whole["new_customers"] == whole["active_customers"]
    assert whole["returning_customers"] == 0


def test_tax_basis(till: Till) -> None:
    asked = Selection(PERIOD, None, (1, 2), {}, TaxBasis.EX)
    [ex] = till.ask(measure(("new_customer_revenue",), asked))
    [gross] = till.ask(measure(("new_customer_revenue",), selection()))
    assert ex["new_customer_revenue"] * 2 == gross["new_customer_revenue"]


@pytest.mark.parametrize("filters", FILTERS)
def test_repeat_rate_looks_back_a_year_from_every_day(
    till: Till, filters: Mapping[str, Ids]
) -> None:
    asked = selection(filters, Comparison.WEEK)
    rows = till.ask(trend(("repeat_rate",), asked, Grain.DAY))
    for row in rows:
        period = asked.period if row["period"] == "now" else asked.base
        assert period
        shift = asked.period.first - period.first
        last = period.last if row["is_total"] else row["bucket"] - shift
        year = Period(last - timedelta(days=364), last)
        bought = Counter(key(r) for r in till.sold(year, filters) if not r["is_refund"])
        again = sum(1 for times in bought.values() if times >= 2)
        assert row["repeat_rate"] == (pytest.approx(again / len(bought)) if bought else None)
    found = {
        row["period"]: row["repeat_rate"] for row in till.ask(measure(("repeat_rate",), asked))
    }
    assert found == {r["period"]: pytest.approx(r["repeat_rate"]) for r in rows if r["is_total"]}


def test_repeat_rate_by_store_counts_what_was_bought_there(till: Till) -> None:
    times: dict[int | None, Counter[tuple[int, int]]] = defaultdict(Counter)
    for row in till.sold(Period(LAST - timedelta(days=364), LAST), {}):
        if not row["is_refund"]:
            times[row["pos_config_id"]][key(row)] += 1
    found = till.ask(measure(("repeat_rate",), selection(), ("store",)))
    assert {row["store"]: row["repeat_rate"] for row in found} == {
        store: pytest.approx(sum(n >= 2 for n in of.values()) / len(of))
        for store, of in times.items()
    }


def test_what_cannot_be_told_says_why() -> None:
    with pytest.raises(KpiError, match="cannot be told by product"):
        measure(("new_customers",), selection(), ("product",))
    with pytest.raises(KpiError, match="cannot be told by month"):
        measure(("repeat_rate",), selection(), ("month",))


def test_only_new_customers_claim_to_add_up() -> None:
    adding = [kpi.name for kpi in (*customers.KPIS, *loyalty.KPIS) if kpi.additive]
    assert adding == ["new_customers"]
