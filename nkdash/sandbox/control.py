"""What a test may do to a running sandbox; also over HTTP, as ``POST /sandbox/<name>``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from nkdash.sandbox.faults import Fault, Kind, Traffic
from nkdash.sandbox.methods import plain_records
from nkdash.sandbox.store import Store, naive_utc

_OWN = ("id", "create_date", "write_date", "display_name")


@dataclass
class Control:
    """Changes of records, clock and traffic. Wrong names raise ``KeyError`` or ``ValueError``."""

    store: Store
    traffic: Traffic
    latency_ms: float = 0

    def create(self, model: str, records: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add records with Odoo's values (bare ids, UTC text); returns their ids."""
        return self.store.create(model, records)

    def update(self, model: str, ids: Sequence[int], values: Mapping[str, Any]) -> None:
        """Edit records; only their own write_date moves, as in Odoo."""
        self.store.update(model, ids, values)

    def delete(self, model: str, ids: Sequence[int]) -> None:
        """Delete records with what they own (an order's lines and payments)."""
        self.store.delete(model, ids)

    def deliver_orders(
        self, days_ago: int = 0, count: int = 1, config_id: int | None = None
    ) -> list[int]:
        """Orders that arrive only now though sold ``days_ago`` days before the clock.

        Copies of the last ordinary sales (of one POS, if ``config_id`` is given) with their lines
        and payments; ``create_date`` and ``write_date`` are now. Returns the new orders' ids.
        Raises ``ValueError`` when there are not that many to copy.
        """
        settled = pl.col("state").is_in(["paid", "done"])
        orders = self._rows("pos.order", settled & (pl.col("amount_total") > 0))
        if config_id is not None:
            orders = [order for order in orders if order["config_id"] == config_id]
        if len(orders) < count:
            raise ValueError(f"{len(orders)} sales to copy, {count} wanted")
        sold_at = f"{self.store.now() - timedelta(days=days_ago):%Y-%m-%d %H:%M:%S}"
        made = []
        for order in orders[len(orders) - count :]:
            changes = {"date_order": sold_at, "name": f"{order['name']} LATE"}
            [new] = self.create("pos.order", [self._copy(order, **changes)])
            made.append(new)
            self._copy_part("pos.order.line", "order_id", order["id"], new, {})
            dated = {"payment_date": sold_at}
            self._copy_part("pos.payment", "pos_order_id", order["id"], new, dated)
        return made

    def set_clock(self, now: datetime | str | None) -> str:
        """Stop the clock at an instant (ISO, UTC unless it has a zone); None lets it run."""
        moment = datetime.fromisoformat(now) if isinstance(now, str) else now
        self.store.set_now(naive_utc(moment) if moment else None)
        return self.store.now().isoformat()

    def advance_clock(self, seconds: float) -> str:
        """Move the clock on; it then stands there."""
        return self.store.advance(seconds).isoformat()

    def add_fault(
        self,
        kind: Kind,
        *,
        model: str | None = None,
        method: str | None = None,
        after: int = 0,
        times: int = 1,
        status: int = 500,
        retry_after: int | None = None,
        name: str = Fault.name,
        message: str = Fault.message,
        seconds: float = 1.0,
    ) -> None:
        """Arm a fault for coming calls: see ``faults.Fault``."""
        self.traffic.arm(
            Fault(kind, model, method, after, times, status, retry_after, name, message, seconds)
        )

    def clear_faults(self) -> None:
        """Disarm all faults; hanging calls are let go."""
        self.traffic.disarm()

    def faults(self) -> list[dict[str, Any]]:
        """The armed faults, each with how many calls it has seen."""
        return self.traffic.armed()

    def calls(self) -> list[dict[str, Any]]:
        """The last calls, oldest first (never with a key)."""
        return [asdict(call) for call in self.traffic.calls()]

    def counts(self) -> dict[str, int]:
        """Calls by ``model.method`` since the last reset."""
        return self.traffic.counts()

    def reset_calls(self) -> None:
        """Forget the calls so far."""
        self.traffic.reset()

    def set_latency(self, milliseconds: float) -> None:
        """Answer every call that much later."""
        self.latency_ms = milliseconds

    def status(self) -> dict[str, Any]:
        """The clock and the number of records of each model."""
        tables = self.store.world.tables
        counted = {model: table.frame.height for model, table in tables.items()}
        return {"now": self.store.now().isoformat(), "records": counted}

    def _rows(self, model: str, condition: pl.Expr) -> list[dict[str, Any]]:
        table = self.store.world.tables[model]
        return plain_records(table, table.frame.filter(condition))

    def _copy(self, record: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        kept = {name: value for name, value in record.items() if name not in _OWN}
        return {**kept, **changes}

    def _copy_part(
        self, model: str, link: str, owner: int, new_owner: int, changes: Mapping[str, Any]
    ) -> None:
        parts = self._rows(model, pl.col(link) == owner)
        copies = [self._copy(part, **{link: new_owner}, **changes) for part in parts]
        if copies:
            self.create(model, copies)


ACTIONS = (
    "create",
    "update",
    "delete",
    "deliver_orders",
    "set_clock",
    "advance_clock",
    "add_fault",
    "clear_faults",
    "faults",
    "calls",
    "counts",
    "reset_calls",
    "set_latency",
    "status",
)
"""What HTTP callers may name."""
