"""Equality check: do the lines and the payments of a POS order add up to what the order says?

On raw, in the order's own currency, so nothing is rounded. Drafts and cancelled orders are left
out, and lines and payments are all of the order's business day.
"""

from dataclasses import dataclass

import polars as pl

from nkdash.contracts import MONEY_DECIMALS
from nkdash.datasets.columns import SOLD_STATES

EXAMPLES = 5
HALF_A_CENT = 0.5 / 10**MONEY_DECIMALS


@dataclass(frozen=True)
class Unequal:
    """Orders whose parts do not add up: how many, and some by reference with both amounts."""

    orders: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.orders} orders, e.g. {'; '.join(self.examples)}"


def unequal_lines(orders: pl.LazyFrame, lines: pl.LazyFrame) -> Unequal | None:
    """Raw orders whose lines (price_subtotal_incl) do not add up to amount_total."""
    parts = lines.select(id="order_id", part="price_subtotal_incl")
    return _unequal(orders, parts, "amount_total", "lines")


def unequal_payments(orders: pl.LazyFrame, payments: pl.LazyFrame) -> Unequal | None:
    """Raw orders whose payments, change included, do not add up to amount_paid."""
    parts = payments.select(id="pos_order_id", part="amount")
    return _unequal(orders, parts, "amount_paid", "payments")


def _unequal(orders: pl.LazyFrame, parts: pl.LazyFrame, total: str, what: str) -> Unequal | None:
    sums = parts.group_by("id").agg(pl.col("part").sum())
    found = (
        orders.filter(pl.col("state").is_in(SOLD_STATES))
        .join(sums, on="id", how="left")
        .with_columns(pl.col("part").fill_null(0.0))
        .filter((pl.col(total) - pl.col("part")).abs() >= HALF_A_CENT)
        .sort("id")
        .select(
            pl.format(
                "{}: {} {}, {} {}",
                "name",
                pl.lit(total),
                pl.col(total).round(MONEY_DECIMALS),
                pl.lit(what),
                pl.col("part").round(MONEY_DECIMALS),
            )
        )
        .collect()
        .to_series()
    )
    return Unequal(found.len(), tuple(found.head(EXAMPLES))) if found.len() else None
