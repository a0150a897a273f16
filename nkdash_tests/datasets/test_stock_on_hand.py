"""Stock of any day, worked out from snapshots and moves, and what no move explains."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nkdash.catalog import Catalog, load_catalog
from nkdash.clock import days_between
from nkdash.contracts import Table, empty
from nkdash.datasets import inventory_moves, stock_quants
from nkdash.dimensions import locations, products
from nkdash.lake import EXTRACTED_AT, Layer, write_days, write_table
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse, publish
from nkdash_tests.datasets.stock import make_settings

FIRST = date(2026, 10, 1)
BAG, SERUM, TONER = 1, 2, 3  # the bag is a consumable: Odoo keeps no stock of it
STORE, TRANSIT, DEPOT, CUSTOMER, VENDOR = 10, 11, 12, 20, 21
USAGES = {
    STORE: "internal",
    TRANSIT: "transit",
    DEPOT: "internal",
    CUSTOMER: "customer",
    VENDOR: "supplier",
}
OURS = {STORE, TRANSIT, DEPOT}
LATE = datetime.fromisoformat("2027-01-01T00:00:00")  # naive UTC, as everywhere in the lake

Held = Mapping[tuple[int, int], Decimal]


@dataclass(frozen=True)
class Move:
    """``at`` is local time."""

    at: datetime
    product: int
    source: int
    target: int
    units: int


@dataclass
class Shop:
    """A lake with hand-made moves and snapshots, and its warehouse."""

    settings: Settings
    catalog: Catalog
    moves: list[Move] = field(default_factory=list)

    def land_dimensions(self) -> None:
        frames: dict[Table, list[dict[str, object]]] = {
            products.TABLE: [
                {"product_id": p, "name": f"{p}", "storable": p != BAG, "active": True}
                for p in (BAG, SERUM, TONER)
            ],
            locations.TABLE: [
                {
                    "location_id": n,
                    "name": f"{n}",
                    "usage": usage,
                    "company_id": 1 if n in OURS else None,
                    "active": True,
                }
                for n, usage in USAGES.items()
            ],
        }
        for table, rows in frames.items():
            frame = pl.DataFrame(rows, schema=table.schema)
            write_table(self.settings.lake_root, Layer.STAR, table, frame, as_of=LATE)

    def land_moves(self, day: date, read_at: datetime = LATE) -> None:
        """A day of ``moves``, as read from Odoo at ``read_at`` (UTC)."""
        rows = [
            {
                "date": day,
                "move_line_id": n,
                "moved_at": move.at - timedelta(hours=7),
                "moved_at_local": move.at,
                "company_id": 1,
                "product_id": move.product,
                "from_location_id": move.source,
                "from_usage": USAGES[move.source],
                "to_location_id": move.target,
                "to_usage": USAGES[move.target],
                "quantity": Decimal(move.units),
                "quantity_signed": Decimal(move.units)
                * ((move.target in OURS) - (move.source in OURS)),
                "movement_type": "other",
                "is_adjustment": False,
            }
            for n, move in enumerate(self.moves, 1)
            if move.at.date() == day
        ]
        dataset = next(d for d in self.catalog.datasets if d.name == "inventory_moves")
        raw = pl.DataFrame(
            [{"date": day, "id": row["move_line_id"], EXTRACTED_AT: read_at} for row in rows],
            schema=dataset.raw_table.schema,
        )
        root = self.settings.lake_root
        write_days(root, Layer.RAW, dataset.raw_table, raw, [day], as_of=read_at)
        fact = pl.DataFrame(rows, schema=inventory_moves.FACT.schema)
        write_days(root, Layer.STAR, inventory_moves.FACT, fact, [day], as_of=read_at)

    def land_snapshot(
        self, taken: datetime, held: Held, read_at: datetime = LATE - timedelta(days=1)
    ) -> None:
        """What lay where at ``taken`` (local), read from Odoo at ``read_at`` (UTC)."""
        day = taken.date()
        rows = [
            {
                "date": day,
                "quant_id": n,
                "taken_at": taken - timedelta(hours=7),
                "taken_at_local": taken,
                "company_id": 1,
                "product_id": product,
                "location_id": location,
                "quantity": units,
                "reserved_quantity": Decimal(0),
            }
            for n, ((product, location), units) in enumerate(sorted(held.items()), 1)
        ]
        dataset = next(d for d in self.catalog.datasets if d.name == "stock_quants")
        root = self.settings.lake_root
        write_days(
            root, Layer.RAW, dataset.raw_table, empty(dataset.raw_table), [day], as_of=read_at
        )
        fact = pl.DataFrame(rows, schema=stock_quants.FACT.schema)
        write_days(root, Layer.STAR, stock_quants.FACT, fact, [day], as_of=read_at)

    def stock(self, until: datetime) -> dict[tuple[int, int], Decimal]:
        """By product and location, every storable move up to ``until`` (local) added up."""
        held: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        for move in self.moves:
            if move.at <= until and move.product != BAG:
                for location, sign in ((move.source, -1), (move.target, 1)):
                    if location in OURS:
                        held[move.product, location] += sign * move.units
        return {key: units for key, units in held.items() if units}

    @contextmanager
    def published(self) -> Iterator[Warehouse]:
        publish(self.settings, self.catalog)
        warehouse = Warehouse(self.settings.warehouse_dir)
        try:
            yield warehouse
        finally:
            warehouse.close()


def opened(folder: Path, moves: Sequence[Move] = ()) -> Shop:
    settings = make_settings(folder)
    shop = Shop(settings, load_catalog(settings), list(moves))
    shop.land_dimensions()
    return shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Three days: goods come in, go to the store in two steps, are sold late at night.

    October 1: 100 serums and 50 bags from the vendor to the depot at 09:00; 30 serums on their way
    to the store at 10:00. October 2: 20 of them arrive at 12:00; a serum and a bag are sold at
    23:59:59. October 3: another is sold at 00:00:00.
    """
    return opened(
        tmp_path,
        [
            Move(at(1, 9), SERUM, VENDOR, DEPOT, 100),
            Move(at(1, 9), BAG, VENDOR, DEPOT, 50),
            Move(at(1, 10), SERUM, DEPOT, TRANSIT, 30),
            Move(at(2, 12), SERUM, TRANSIT, STORE, 20),
            Move(at(2, 23, 59, 59), SERUM, STORE, CUSTOMER, 1),
            Move(at(2, 23, 59, 59), BAG, STORE, CUSTOMER, 1),
            Move(at(3, 0), SERUM, STORE, CUSTOMER, 1),
        ],
    )


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime.combine(date(2026, 10, day), time(hour, minute, second))


def on_hand(warehouse: Warehouse, day: date) -> dict[tuple[int, int], Decimal]:
    rows = warehouse.query("SELECT * FROM stock_on_hand(?)", [day])
    assert rows["is_complete"].all()
    assert set(rows["date"]) <= {day}
    assert set(rows["company_id"]) <= {1}
    return {(r["product_id"], r["location_id"]): r["quantity"] for r in rows.iter_rows(named=True)}


@pytest.mark.parametrize(
    "taken",
    [at(1, 8), at(1, 9), at(1, 9, 30), at(2, 12), at(2, 23, 59, 59), at(3, 0), at(3, 22), at(4, 5)],
)
def test_any_day_comes_out_of_any_one_snapshot(shop: Shop, taken: datetime) -> None:
    for day in range(1, 5):
        shop.land_moves(date(2026, 10, day))
    # A snapshot without a quant has no row: the vendor's goods of before are never empty here.
    shop.moves.insert(0, Move(at(1, 0), TONER, VENDOR, DEPOT, 7))
    shop.land_moves(date(2026, 10, 1))
    shop.land_snapshot(taken, shop.stock(taken))
    toner = {(TONER, DEPOT): Decimal(7)}
    with shop.published() as warehouse:
        assert on_hand(warehouse, date(2026, 10, 1)) == toner | {
            (SERUM, DEPOT): 70,
            (SERUM, TRANSIT): 30,
        }
        assert on_hand(warehouse, date(2026, 10, 2)) == toner | {
            (SERUM, DEPOT): 70,
            (SERUM, TRANSIT): 10,
            (SERUM, STORE): 19,
        }
        for day in (3, 4):
            assert on_hand(warehouse, date(2026, 10, day)) == toner | {
                (SERUM, DEPOT): 70,
                (SERUM, TRANSIT): 10,
                (SERUM, STORE): 18,
            }


def variance(warehouse: Warehouse) -> dict[tuple[date, int, int], tuple[float, ...]]:
    rows = warehouse.query("FROM stock_variance").iter_rows(named=True)
    return {
        (r["date"], r["product_id"], r["location_id"]): (
            r["quantity_before"],
            r["moved"],
            r["quantity"],
            r["variance"],
        )
        for r in rows
    }


def test_variance_is_what_two_snapshots_differ_by_beyond_the_moves(shop: Shop) -> None:
    """After the very second of a move on October 1, and until the evening of the 3rd, two serums of
    the store and all in transit vanish."""
    for day in range(1, 4):
        shop.land_moves(date(2026, 10, day))
    shop.land_snapshot(at(1, 10), shop.stock(at(1, 10)))
    later = shop.stock(at(3, 23))
    later[SERUM, STORE] -= 2
    del later[SERUM, TRANSIT]
    shop.land_snapshot(at(3, 23), later)
    third = date(2026, 10, 3)
    with shop.published() as warehouse:
        assert variance(warehouse) == {
            (third, SERUM, STORE): (0, 18, 16, -2),
            (third, SERUM, TRANSIT): (30, -20, 0, -10),
        }
        [row] = warehouse.query("FROM stock_snapshots WHERE moves_known").iter_rows(named=True)
    assert (row["date"], row["previous_date"]) == (third, FIRST)


def test_a_late_change_of_an_earlier_day_is_compared_anew(shop: Shop) -> None:
    """One serum is missing; a sale found later explains it; then the first count proves wrong."""
    for day in range(1, 4):
        shop.land_moves(date(2026, 10, day))
    first, second = shop.stock(at(1, 23)), shop.stock(at(3, 23))
    second[SERUM, STORE] -= 1
    shop.land_snapshot(at(1, 23), first)
    shop.land_snapshot(at(3, 23), second)
    key = (date(2026, 10, 3), SERUM, STORE)
    with shop.published() as warehouse:
        assert variance(warehouse) == {key: (0, 18, 17, -1)}
    shop.moves.append(Move(at(2, 15), SERUM, STORE, CUSTOMER, 1))
    shop.land_moves(date(2026, 10, 2))
    with shop.published() as warehouse:
        assert variance(warehouse) == {}
    shop.land_snapshot(at(1, 23), {**first, (SERUM, STORE): Decimal(4)})
    with shop.published() as warehouse:
        assert variance(warehouse) == {key: (4, 17, 17, -4)}


def test_a_span_is_compared_only_when_all_its_moves_are_loaded(shop: Shop) -> None:
    """The missing day comes later, then the last day is read again after the snapshot."""
    snapshot_read = LATE - timedelta(days=1)
    shop.land_moves(date(2026, 10, 1))
    shop.land_moves(date(2026, 10, 3), read_at=snapshot_read - timedelta(hours=1))
    shop.land_snapshot(at(1, 23), shop.stock(at(1, 23)))
    wrong = {**shop.stock(at(3, 23)), (TONER, STORE): Decimal(5)}
    shop.land_snapshot(at(3, 23), wrong, snapshot_read)
    known = "SELECT moves_known FROM stock_snapshots ORDER BY date"
    with shop.published() as warehouse:
        assert warehouse.query(known).rows() == [(False,), (False,)]
        assert variance(warehouse) == {}
    shop.land_moves(date(2026, 10, 2))
    with shop.published() as warehouse:
        assert warehouse.query(known).rows() == [(False,), (False,)]
    shop.land_moves(date(2026, 10, 3), read_at=snapshot_read)
    with shop.published() as warehouse:
        assert warehouse.query(known).rows() == [(False,), (True,)]
        assert variance(warehouse) == {(date(2026, 10, 3), TONER, STORE): (0, 0, 5, 5)}


def test_a_day_whose_moves_are_not_loaded_says_so(shop: Shop) -> None:
    for day in (1, 3):
        shop.land_moves(date(2026, 10, day))
    shop.land_snapshot(at(3, 23), shop.stock(at(3, 23)))
    complete = "SELECT DISTINCT is_complete FROM stock_on_hand(?)"
    with shop.published() as warehouse:
        assert warehouse.query(complete, [date(2026, 10, 2)]).rows() == [(True,)]
        assert warehouse.query(complete, [date(2026, 10, 1)]).rows() == [(False,)]
        assert warehouse.query(complete, [date(2026, 10, 4)]).rows() == [(False,)]
    # A farther snapshot whose way to the day is known is better than a nearer one.
    shop.land_snapshot(at(1, 8), {(TONER, STORE): Decimal(1)})
    with shop.published() as warehouse:
        rows = warehouse.query("FROM stock_on_hand('2026-10-01')")
        assert rows["is_complete"].all()
        assert rows["snapshot_taken_at"].unique().to_list() == [at(1, 1)]


def test_without_a_snapshot_no_day_has_stock(shop: Shop) -> None:
    shop.land_moves(date(2026, 10, 1))
    with shop.published() as warehouse:
        assert warehouse.query("FROM stock_on_hand('2026-10-01')").is_empty()


MOVES = st.lists(
    st.builds(
        Move,
        at=st.builds(
            lambda day, second: at(day) + timedelta(seconds=second),
            st.integers(1, 5),
            st.sampled_from([0, 1, 43_200, 43_201, 86_399]),
        ),
        product=st.sampled_from([BAG, SERUM, TONER]),
        source=st.sampled_from(sorted(USAGES)),
        target=st.sampled_from(sorted(USAGES)),
        units=st.integers(1, 9),
    ),
    max_size=25,
)
SNAPSHOTS = st.dictionaries(
    st.integers(1, 5), st.sampled_from([0, 1, 43_200, 43_201, 86_399]), min_size=1, max_size=3
)
MIRACLES = st.dictionaries(
    st.tuples(st.sampled_from([SERUM, TONER]), st.sampled_from(sorted(OURS))),
    st.integers(-3, 3).filter(bool),
    max_size=2,
)


@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves=MOVES, snapshots=SNAPSHOTS, miracle=MIRACLES, order=st.randoms(use_true_random=False))
def test_days_and_variance_come_out_whatever_moved_and_in_whatever_order_it_was_loaded(
    moves: list[Move],
    snapshots: dict[int, int],
    miracle: dict[tuple[int, int], int],
    order: Random,
) -> None:
    """``miracle`` comes to the stock unexplained, just before the last of two snapshots or more."""
    taken = sorted(at(day) + timedelta(seconds=second) for day, second in snapshots.items())
    anchor = Move(at(1) - timedelta(days=1), TONER, VENDOR, STORE, 100)
    days = days_between(date(2026, 9, 30), date(2026, 10, 5))
    with TemporaryDirectory() as folder:
        shop = opened(Path(folder), [anchor, *moves])
        landings: list[date | datetime] = [*days, *taken]
        order.shuffle(landings)
        gain: dict[tuple[int, int], Decimal] = {}
        if len(taken) > 1:
            gain = {key: Decimal(units) for key, units in miracle.items()}
        for number, landing in enumerate(landings):
            if isinstance(landing, datetime):
                held = defaultdict(Decimal, shop.stock(landing))
                if landing == taken[-1]:
                    for key, units in gain.items():
                        held[key] += units
                shop.land_snapshot(landing, {k: q for k, q in held.items() if q})
            else:
                shop.land_moves(landing)
            if number in (3, 5):
                publish(shop.settings, shop.catalog)
        with shop.published() as warehouse:
            found = variance(warehouse)
            assert {key: row[3] for key, row in found.items()} == {
                (taken[-1].date(), *key): units for key, units in gain.items()
            }
            assert all(a + b + d == c for a, b, c, d in found.values())
            for day in days:
                midnight = datetime.combine(day, time(23, 59, 59))
                explained = shop.stock(midnight)
                told = on_hand(warehouse, day)
                nearest = min(taken, key=lambda t: (abs(t - midnight - timedelta(seconds=1)), t))
                for key, units in gain.items() if nearest == taken[-1] else ():
                    explained[key] = explained.get(key, Decimal(0)) + units
                assert told == {key: units for key, units in explained.items() if units}
