"""What was changed in Odoo after its day was loaded: those days are loaded again, no others."""

import random
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nkdash.automation import changes
from nkdash.automation.assets import CHANGES_ONLY
from nkdash.automation.changes import Known, known, tick
from nkdash.lake import Layer, partition_path
from nkdash.standing import State, standing
from nkdash_tests.automation.changing import (
    RECORDS_19,
    Changing,
    Found,
    changing,
    days_of,
)
from nkdash_tests.conftest import RECORDS

POS = ("pos_orders", "pos_order_lines", "pos_payments")


@pytest.fixture
def odoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Changing]:
    with changing(RECORDS, tmp_path, monkeypatch) as made:
        yield made


def on(day: date, *names: str) -> Found:
    return {(name, day) for name in names}


def sold_on(day: date) -> pl.Expr:
    local = (pl.col("date_order") + pl.duration(hours=7)).dt.date()
    return (local == day) & pl.col("state").is_in(["paid", "done"]) & (pl.col("amount_total") > 0)


def an_order(odoo: Changing, number: int = 1) -> int:
    """A paid sale of the second day, or of another."""
    tables = odoo.control.store.world.tables
    owners = (
        tables["pos.payment"].frame["pos_order_id"],
        tables["pos.order.line"].frame["order_id"],
    )
    complete = pl.all_horizontal(pl.col("id").is_in(ids.implode()) for ids in owners)
    return odoo.rows("pos.order", sold_on(odoo.days[number]) & complete)[0]


def a_document(odoo: Changing, kinds: tuple[str, ...]) -> tuple[int, date]:
    """A posted document with product lines on a loaded day, and that day."""
    frames = {m: t.frame for m, t in odoo.control.store.world.tables.items()}
    lines = frames["account.move.line"].filter(pl.col("display_type") == "product")
    found = frames["account.move"].filter(
        pl.col("move_type").is_in(kinds)
        & (pl.col("state") == "posted")
        & pl.col("date").is_between(odoo.days[0], odoo.days[3])
        & pl.col("id").is_in(lines["move_id"].implode())
    )
    return found["id"][0], found["date"][0]


def edit_line(odoo: Changing) -> Found:
    line = odoo.rows("pos.order.line", pl.col("order_id") == an_order(odoo))[0]
    odoo.control.update("pos.order.line", [line], {"price_subtotal": 12.34})
    return on(odoo.days[1], "pos_order_lines")


def edit_payment(odoo: Changing) -> Found:
    payment = odoo.rows("pos.payment", pl.col("pos_order_id") == an_order(odoo))[0]
    odoo.control.update("pos.payment", [payment], {"amount": 1.0})
    return on(odoo.days[1], "pos_payments")


def cancel_order(odoo: Changing) -> Found:
    odoo.control.update("pos.order", [an_order(odoo)], {"state": "cancel"})
    return on(odoo.days[1], *POS)


def move_order_to_another_day(odoo: Changing) -> Found:
    odoo.control.update("pos.order", [an_order(odoo)], {"date_order": f"{odoo.days[2]} 05:00:00"})
    return on(odoo.days[1], *POS) | on(odoo.days[2], *POS)


def move_order_across_midnight(odoo: Changing) -> Found:
    # 16:59:59 UTC is the last second of the day in Jakarta; the next one is tomorrow's.
    order = an_order(odoo)
    odoo.control.update("pos.order", [order], {"date_order": f"{odoo.days[1]} 17:00:00"})
    return on(odoo.days[1], *POS) | on(odoo.days[2], *POS)


def move_order_to_today(odoo: Changing) -> Found:
    odoo.control.update("pos.order", [an_order(odoo)], {"date_order": f"{odoo.now:%F %T}"})
    return on(odoo.days[1], *POS)


def move_order_before_the_first_day(odoo: Changing) -> Found:
    odoo.control.update("pos.order", [an_order(odoo)], {"date_order": "2026-09-01 05:00:00"})
    return on(odoo.days[1], *POS)


def move_line_to_another_order(odoo: Changing) -> Found:
    line = odoo.rows("pos.order.line", pl.col("order_id") == an_order(odoo))[0]
    odoo.control.update("pos.order.line", [line], {"order_id": an_order(odoo, 2)})
    return on(odoo.days[1], "pos_order_lines") | on(odoo.days[2], "pos_order_lines")


def deliver_late(odoo: Changing) -> Found:
    back = (odoo.now.date() - odoo.days[2]).days
    odoo.control.deliver_orders(days_ago=back, count=3)
    return on(odoo.days[2], *POS)


def sell_today(odoo: Changing) -> Found:
    odoo.control.deliver_orders(days_ago=0, count=3)
    return set()


def deliver_to_a_day_that_is_not_loaded(odoo: Changing) -> Found:
    odoo.control.deliver_orders(days_ago=10, count=3)
    return set()


def reset_invoice_to_draft(odoo: Changing) -> Found:
    move, day = a_document(odoo, ("out_invoice",))
    odoo.control.update("account.move", [move], {"state": "draft"})
    return on(day, "invoice_sales")


def change_date_of_bill(odoo: Changing) -> Found:
    move, day = a_document(odoo, ("in_invoice",))
    other = next(d for d in odoo.days if d != day)
    odoo.control.update("account.move", [move], {"date": f"{other}"})
    lines = odoo.rows("account.move.line", pl.col("move_id") == move)
    odoo.control.update("account.move.line", lines, {"date": f"{other}"})
    return on(day, "purchases") | on(other, "purchases")


def touch_a_journal_entry(odoo: Changing) -> Found:
    kept = pl.col("move_type") == "entry"
    moves = odoo.rows("account.move", kept)
    if not moves:
        [model] = odoo.control.create(
            "account.move",
            [{"move_type": "entry", "state": "posted", "date": f"{odoo.days[1]}", "company_id": 1}],
        )
        moves = [model]
    odoo.control.create(
        "account.move.line",
        [{"move_id": moves[0], "display_type": "product", "company_id": 1, "balance": 5.0}],
    )
    odoo.control.update("account.move", moves, {"ref": "read by no dataset"})
    return set()


def a_stock_move_line(odoo: Changing) -> tuple[int, int, date]:
    """A done move line of a loaded day, its move and that day."""
    local = (pl.col("date") + pl.duration(hours=7)).dt.date()
    frame = odoo.control.store.world.tables["stock.move.line"].frame.with_columns(day=local)
    kept = frame.filter(pl.col("day").is_in(odoo.days[:3]) & (pl.col("state") == "done"))
    return kept.select("id", "move_id", "day").sort("id").row(0)


def edit_stock_move(odoo: Changing) -> Found:
    _, move, _ = a_stock_move_line(odoo)
    odoo.control.update("stock.move", [move], {"origin": "another"})
    local = (pl.col("date") + pl.duration(hours=7)).dt.date()
    lines = odoo.control.store.world.tables["stock.move.line"].frame
    days = lines.filter(pl.col("move_id") == move).select(local).to_series()
    return {("inventory_moves", day) for day in days if day in odoo.days}


def change_date_of_stock_move_line(odoo: Changing) -> Found:
    line, _, day = a_stock_move_line(odoo)
    odoo.control.update("stock.move.line", [line], {"date": f"{odoo.days[2]} 20:00:00"})
    return on(day, "inventory_moves") | on(odoo.days[3], "inventory_moves")


def delete_a_line_and_touch_its_order(odoo: Changing) -> Found:
    order = an_order(odoo)
    [line, *_] = odoo.rows("pos.order.line", pl.col("order_id") == order)
    odoo.control.delete("pos.order.line", [line])
    odoo.control.update("pos.order", [order], {"amount_total": 1.0})
    return on(odoo.days[1], *POS)


EVERY_CHANGE = (
    edit_line,
    edit_payment,
    cancel_order,
    move_order_to_another_day,
    move_order_across_midnight,
    move_order_to_today,
    move_order_before_the_first_day,
    move_line_to_another_order,
    deliver_late,
    sell_today,
    deliver_to_a_day_that_is_not_loaded,
    reset_invoice_to_draft,
    change_date_of_bill,
    touch_a_journal_entry,
    edit_stock_move,
    change_date_of_stock_move_line,
    delete_a_line_and_touch_its_order,
)


@pytest.mark.parametrize("change", EVERY_CHANGE, ids=lambda change: str(change.__name__))
def test_a_change_loads_its_days_again_and_no_others(
    odoo: Changing, change: Callable[[Changing], Found]
) -> None:
    expected = change(odoo)
    assert odoo.settle() == expected
    odoo.assert_lake_is_odoo()
    assert known(odoo.instance).pending == {}


@pytest.mark.parametrize(
    "change",
    [edit_line, cancel_order, deliver_late, change_date_of_bill, change_date_of_stock_move_line],
    ids=lambda change: str(change.__name__),
)
def test_odoo_19_is_followed_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Changing], Found]
) -> None:
    with changing(RECORDS_19, tmp_path, monkeypatch) as odoo:
        expected = change(odoo)
        assert odoo.settle() == expected
        odoo.assert_lake_is_odoo()


def test_nothing_changed_asks_for_nothing_and_asks_odoo_little(odoo: Changing) -> None:
    odoo.control.reset_calls()
    assert odoo.ask() == []
    counts = odoo.control.counts()
    assert {k: n for k, n in counts.items() if k.endswith(("search_read", "search"))} == {}
    assert sum(n for k, n in counts.items() if k.endswith("search_count")) == 7


def test_a_change_that_a_load_has_brought_meanwhile_asks_for_nothing(odoo: Changing) -> None:
    expected = edit_line(odoo)
    odoo.wait(seconds=2)
    [(name, day)] = expected
    odoo.load(day, day, [name])
    assert odoo.ask() == []


def test_written_twice_within_a_second_and_read_in_between(odoo: Changing) -> None:
    [(name, day)] = edit_line(odoo)
    odoo.load(day, day, [name])
    line = odoo.rows("pos.order.line", pl.col("order_id") == an_order(odoo))[0]
    odoo.control.update("pos.order.line", [line], {"price_subtotal": 43.21})
    assert odoo.settle() == {(name, day)}
    odoo.assert_lake_is_odoo()


def test_a_record_that_had_not_been_committed_when_its_day_was_loaded(odoo: Changing) -> None:
    stamped = odoo.now
    odoo.wait(seconds=30)
    odoo.load(odoo.days[1], odoo.days[1])
    assert odoo.ask() == []
    line = odoo.rows("pos.order.line", pl.col("order_id") == an_order(odoo))[0]
    late = {"price_subtotal": 12.34, "write_date": f"{stamped:%F %T}"}
    odoo.control.update("pos.order.line", [line], late)
    assert odoo.settle() == on(odoo.days[1], "pos_order_lines")


def test_a_copy_that_stayed_on_the_day_it_left_goes(odoo: Changing) -> None:
    move_order_to_another_day(odoo)
    odoo.wait(seconds=2)
    odoo.load(odoo.days[2], odoo.days[2])
    assert odoo.settle() == on(odoo.days[1], *POS)
    odoo.assert_lake_is_odoo()


def test_a_failed_load_stays_pending_and_is_asked_for_again_later_and_later(
    odoo: Changing,
) -> None:
    expected = edit_line(odoo)
    [(name, day)] = expected
    asked_after: list[int] = []
    began = odoo.now
    while len(asked_after) < 4:
        if odoo.ask():
            asked_after.append((odoo.now - began) // timedelta(minutes=1))
    assert asked_after == [3, 9, 21, 42]
    assert set(known(odoo.instance).pending) == expected
    odoo.load(day, day, [name])
    assert odoo.ask() == []
    assert known(odoo.instance).pending == {}


def test_raw_alone_is_not_enough_but_the_search_for_missing_days_asks_for_the_rest(
    odoo: Changing,
) -> None:
    [(name, day)] = edit_line(odoo)
    assert odoo.ask()
    odoo.retailer.load(day, day, [name], [Layer.RAW])
    odoo.wait(minutes=6)
    assert odoo.ask() == []
    assert set(known(odoo.instance).pending) == {(name, day)}
    stands = standing(odoo.settings, odoo.catalog)
    assert State.OUTDATED in {s.state for s in stands if (s.dataset, s.day) == (name, day)}
    odoo.load(day, day, [name])
    assert odoo.ask() == []
    assert known(odoo.instance).pending == {}


def test_the_dimensions_of_the_facts_come_along_by_their_changes(odoo: Changing) -> None:
    edit_line(odoo)
    [request] = odoo.ask()
    keys = {key.to_user_string() for key in request.asset_selection or ()}
    assert keys == {
        *("raw/pos_order_lines", "clean/pos_order_lines", "star/fact_sales"),
        *("raw/products", "star/dim_products", "raw/taxes", "star/dim_taxes"),
        "warehouse/snapshot",
    }
    assert CHANGES_ONLY.items() <= request.tags.items()


def test_a_tick_that_dies_has_moved_no_cursor(
    odoo: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = edit_line(odoo)
    with monkeypatch.context() as dying:
        dying.setattr(changes, "keep", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            odoo.ask()
    odoo.wait(days=2)
    assert odoo.settle() == expected


def test_odoo_that_goes_away_in_the_middle_costs_no_change(odoo: Changing) -> None:
    expected = edit_line(odoo) | edit_payment(odoo)
    odoo.control.add_fault("http", model="pos.payment", method="search_count", status=503)
    found = set()
    for request in odoo.ask():
        found |= days_of(request)
        odoo.carry_out(request)
    assert found < expected, "the payments could not be looked at"
    assert found | odoo.settle() == expected
    odoo.assert_lake_is_odoo()


def test_a_closed_gate_asks_odoo_nothing(odoo: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = edit_line(odoo)
    odoo.control.reset_calls()
    with monkeypatch.context() as closed:
        closed.setattr(changes, "why_closed", lambda *_: "Odoo is down.")
        told = tick(odoo.instance, odoo.settings, odoo.catalog, odoo.connect)
        assert isinstance(told, dg.SkipReason)
        assert told.skip_message == "Odoo is down."
    assert odoo.control.counts() == {}
    assert odoo.settle() == expected


def test_many_changes_are_looked_at_in_slices(
    odoo: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = odoo.rows("pos.order.line", pl.lit(True))
    for line in lines[::4]:
        odoo.control.update("pos.order.line", [line], {"price_subtotal": 1.0})
        odoo.wait(seconds=7)
    monkeypatch.setattr(changes, "MOST_RECORDS", 10)
    monkeypatch.setattr(changes, "MOST_SECONDS", 0.0)
    expected = {("pos_order_lines", day) for day in odoo.days}
    found = set()
    for _ in range(60):
        for request in odoo.ask():
            found |= days_of(request)
            odoo.carry_out(request)
        if found == expected:
            break
    odoo.settle()
    odoo.assert_lake_is_odoo()


def test_the_first_tick_begins_with_the_oldest_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with changing(RECORDS, tmp_path, monkeypatch, load=False) as odoo:
        odoo.load(odoo.days[0], odoo.days[1])
        odoo.wait(days=20)
        expected = edit_line(odoo)
        odoo.wait(days=20)
        odoo.load(odoo.days[2], odoo.days[3])
        odoo.wait(days=20)
        assert odoo.settle() == expected
        odoo.assert_lake_is_odoo()


def test_an_older_copy_put_into_the_lake_is_compared_from_its_own_time(odoo: Changing) -> None:
    path = partition_path(odoo.settings.lake_root, Layer.RAW, "pos_order_lines", odoo.days[1])
    before = path.read_bytes()
    edit_line(odoo)
    assert odoo.settle() == on(odoo.days[1], "pos_order_lines")
    odoo.wait(days=9)
    assert odoo.ask() == []
    path.write_bytes(before)
    assert odoo.settle() == on(odoo.days[1], "pos_order_lines")
    odoo.assert_lake_is_odoo()


def test_a_day_that_differs_is_loaded_once_for_each_new_verdict(odoo: Changing) -> None:
    day = odoo.days[1]

    def falsify(amount: float) -> None:
        # Behind Odoo's back: the record does not say that it was written.
        line = odoo.rows("pos.order.line", pl.col("order_id") == an_order(odoo))[0]
        frame = odoo.control.store.world.tables["pos.order.line"].frame
        stamp = frame.filter(pl.col("id") == line)["write_date"][0]
        values = {"price_subtotal": amount, "write_date": f"{stamp:%F %T}"}
        odoo.control.update("pos.order.line", [line], values)
        odoo.retailer.reconcile("pos_order_lines")
        odoo.wait(minutes=1)

    falsify(12.34)
    [request] = odoo.ask()
    assert days_of(request) == on(day, "pos_order_lines")
    # The load did not help, as when Odoo's own sums are wrong: it is not tried for ever.
    odoo.load(day, day, ["pos_order_lines"])
    assert odoo.ask() == []
    odoo.wait(hours=8)
    assert odoo.ask() == []
    falsify(56.78)
    [request] = odoo.ask()
    assert days_of(request) == on(day, "pos_order_lines")


def test_a_day_under_way_waits_for_its_run(odoo: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    [(name, day)] = edit_line(odoo)
    busy = {dg.AssetKey(["raw", name]): {day}}
    with monkeypatch.context() as loading:
        loading.setattr(changes, "in_flight", lambda _: busy)
        assert odoo.ask() == []
        odoo.wait(seconds=10)
        odoo.load(day, day, [name])
    assert odoo.ask() == []
    assert known(odoo.instance) != Known()
    odoo.assert_lake_is_odoo()


STEPS = st.sampled_from(
    [
        *(edit_line, edit_payment, cancel_order, move_order_to_another_day, deliver_late),
        *(move_order_to_today, move_line_to_another_order, edit_stock_move, sell_today),
        *("tick", "tick, and the load fails", "tick, and its days are loaded", "load a day"),
    ]
)


# Without shrinking: a random order does not get simpler with another seed.
@hypothesis_settings(deadline=None, max_examples=4, phases=[Phase.generate])
@given(st.lists(STEPS, min_size=8, max_size=14), st.randoms(use_true_random=False))
def test_whatever_happens_between_ticks_the_lake_ends_as_a_full_load(
    steps: list[Any], pick: random.Random
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        changing(RECORDS, Path(folder), patch) as odoo,
    ):
        for step in steps:
            if step == "load a day":
                day = pick.choice(odoo.days)
                odoo.load(day, day)
            elif isinstance(step, str):
                requests = odoo.ask()
                if step == "tick, and its days are loaded":
                    for request in requests:
                        odoo.carry_out(request)
            else:
                step(odoo)
            odoo.wait(seconds=pick.choice([0, 0, 1, 90, 4000]))
        # What failed is asked for again in its own time.
        for _ in range(12):
            for request in odoo.ask():
                odoo.carry_out(request)
            odoo.wait(hours=1)
        assert odoo.ask() == []
        assert known(odoo.instance).pending == {}
        odoo.assert_lake_is_odoo()
