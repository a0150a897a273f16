"""The retailer that goes on while the clock runs: it sells by itself, and people mend and err."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl

from nkdash.sandbox import SandboxServer, Store, World, generate, serve
from nkdash.sandbox.control import Control
from nkdash.sandbox.faults import Traffic
from nkdash.sandbox.retailer.sales import UTC_OFFSET
from nkdash_tests.simulation.clock import VirtualClock

SIZE = {"products": 40, "orders_per_day": 6}
MANY = 10**9


class Shop:
    """A small generated retailer behind a sandbox, which opened ``days`` before the clock's now."""

    def __init__(self, clock: VirtualClock, days: int, seed: int) -> None:
        self._clock = clock
        self._opened = local(clock.now).date() - timedelta(days=days)
        self._sold_until = clock.now.replace(tzinfo=None)
        self._random = random.Random(seed)
        first = generate(now=self._sold_until, days=days, **SIZE)
        self._store = Store(first, self._sold_until)
        self._server: SandboxServer | None = serve(self._store)
        self._port = self.server.port

    @property
    def server(self) -> SandboxServer:
        assert self._server is not None, "Odoo is down"
        return self._server

    @property
    def world(self) -> World:
        """All records as they are now."""
        return self._store.world

    def sell_on(self, quiet: timedelta) -> None:
        """Take over what was sold, bought and moved, but for the last ``quiet`` minutes."""
        now = self._clock.now.replace(tzinfo=None)
        self._store.set_now(now - quiet)
        self._store.absorb(self._world(), self._sold_until)
        self._sold_until = now - quiet

    def _world(self) -> World:
        now = self._store.now()
        days = ((now + UTC_OFFSET).date() - self._opened).days
        return generate(now=now, days=days, **SIZE)

    def close(self) -> None:
        """End the server, if there is one."""
        if self._server is not None:
            self._server.stop()

    # What happens to the server.

    def go_down(self) -> None:
        """Nobody answers any more."""
        self.server.stop()
        self._server = None

    def come_back(self) -> None:
        """Odoo is there again, with all that was sold meanwhile."""
        self._server = serve(self._store, port=self._port)

    def answer_errors(self, after: int = 0) -> None:
        """A gateway says 503 to every call, ``after`` so many that go well."""
        self.server.control.add_fault("http", status=503, after=after, times=MANY)

    def answer_again(self) -> None:
        """The gateway lets calls through."""
        self.server.control.clear_faults()

    def change_key(self, key: str) -> None:
        """Only ``key`` is taken from now on."""
        self.server.service = replace(self.server.service, api_key=key)

    # What people do; nothing where there is nothing of the kind on that day.

    def deliver(self, days_ago: int, count: int = 1) -> None:
        """An offline till hands in orders that it sold that long ago."""
        self._controlled().deliver_orders(days_ago, count)

    def edit_line(self, days_ago: int) -> None:
        """Somebody corrects a quantity; only the line is written."""
        for line in self._one(self._of_orders("pos.order.line", "order_id", days_ago)):
            price = self.world.tables["pos.order.line"].frame.filter(id=line)["price_unit"].item()
            values = {"qty": 3.0, "price_subtotal": 3 * price, "price_subtotal_incl": 3 * price}
            self._store.update("pos.order.line", [line], values)

    def edit_payment(self, days_ago: int) -> None:
        """A payment gets another amount; only the payment is written."""
        for payment in self._one(self._of_orders("pos.payment", "pos_order_id", days_ago)):
            self._store.update("pos.payment", [payment], {"amount": 12345.0})

    def cancel_order(self, days_ago: int) -> None:
        """An order is cancelled; its lines and payments are not written."""
        for order in self._one(self._orders(days_ago)):
            self._store.update("pos.order", [order], {"state": "cancel"})

    def move_order(self, days_ago: int, to_days_ago: int) -> None:
        """An order gets another day, at noon."""
        for order in self._one(self._orders(days_ago)):
            noon = f"{self._day(to_days_ago)} 05:00:00"
            self._store.update("pos.order", [order], {"date_order": noon})

    def move_over_midnight(self, days_ago: int) -> None:
        """An order becomes one of a minute after midnight of the next day."""
        midnight = datetime.combine(self._day(days_ago - 1), datetime.min.time()) - UTC_OFFSET
        for order in self._one(self._orders(days_ago)):
            text = f"{midnight + timedelta(minutes=1):%Y-%m-%d %H:%M:%S}"
            self._store.update("pos.order", [order], {"date_order": text})

    def reset_document(self, days_ago: int) -> None:
        """A posted document is reset to draft; Odoo writes the lines with it."""
        for move in self._one(self._documents(days_ago)):
            self._write_document(move, {"state": "draft"}, {"parent_state": "draft"})

    def redate_document(self, days_ago: int, to_days_ago: int) -> None:
        """A document gets another accounting date; Odoo writes the lines with it."""
        day = {"date": f"{self._day(to_days_ago)}"}
        for move in self._one(self._documents(days_ago)):
            self._write_document(move, day, day)

    def edit_stock_move(self, days_ago: int) -> None:
        """A transfer gets another reference; its lines are not written."""
        for move in self._one(self._moved(days_ago)["move_id"].unique().to_list()):
            self._store.update("stock.move", [move], {"reference": "WH/CORRECTED"})

    def edit_move_line(self, days_ago: int) -> None:
        """Another quantity was moved after all."""
        values = {"quantity": 7.0, "quantity_product_uom": 7.0}
        for line in self._one(self._moved(days_ago)["id"].to_list()):
            self._store.update("stock.move.line", [line], values)

    def delete_order(self, days_ago: int) -> None:
        """An order is deleted with its lines and payments: Odoo keeps no trace of it."""
        self._store.delete("pos.order", self._one(self._orders(days_ago)))

    def delete_move_line(self, days_ago: int) -> None:
        """A stock move line is deleted."""
        self._store.delete("stock.move.line", self._one(self._moved(days_ago)["id"].to_list()))

    def _write_document(
        self, move: int, values: Mapping[str, str], of_lines: Mapping[str, str]
    ) -> None:
        self._store.update("account.move", [move], values)
        table = self.world.tables["account.move.line"]
        lines = table.frame.filter(move_id=move)["id"].to_list()
        known = {name: value for name, value in of_lines.items() if name in table.fields}
        self._store.update("account.move.line", lines, known)

    def _controlled(self) -> Control:
        return Control(self._store, Traffic())

    def _orders(self, days_ago: int) -> list[int]:
        orders = self.world.tables["pos.order"].frame
        day = (pl.col("date_order") + UTC_OFFSET).dt.date() == self._day(days_ago)
        return orders.filter(day, pl.col("state") != "cancel")["id"].to_list()

    def _of_orders(self, model: str, link: str, days_ago: int) -> list[int]:
        orders = pl.Series(self._orders(days_ago), dtype=pl.Int64)
        frame = self.world.tables[model].frame
        return frame.filter(pl.col(link).is_in(orders.implode()))["id"].to_list()

    def _documents(self, days_ago: int) -> list[int]:
        moves = self.world.tables["account.move"].frame
        kinds = ["out_invoice", "out_refund", "in_invoice"]
        return moves.filter(
            pl.col("date") == self._day(days_ago),
            pl.col("move_type").is_in(kinds),
            state="posted",
        )["id"].to_list()

    def _moved(self, days_ago: int) -> pl.DataFrame:
        lines = self.world.tables["stock.move.line"].frame
        day = (pl.col("date") + UTC_OFFSET).dt.date() == self._day(days_ago)
        return lines.filter(day, state="done")

    def _day(self, days_ago: int) -> date:
        return local(self._clock.now).date() - timedelta(days=days_ago)

    def _one(self, ids: Sequence[int]) -> list[int]:
        return self._random.sample(sorted(ids), min(1, len(ids)))


def local(moment: datetime) -> datetime:
    """The wall clock of the shops (Asia/Jakarta, UTC+7 all year)."""
    return moment.replace(tzinfo=None) + UTC_OFFSET
