"""Ranked bar lists: label, value, change and a thin bar; a click filters by the row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from dashboard import html
from dashboard.components.parts import attributes, change
from dashboard.context import Context
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Good

TOP = 8
Amounts = Mapping[int | None, float]


@dataclass(frozen=True)
class Ranks:
    """Values by id, now and in the base."""

    now: Amounts
    base: Amounts


def ranks(frame: pl.DataFrame, by: str, column: str) -> Ranks:
    """From a measure: columns period, ``by`` (ids) and ``column``."""
    return Ranks(_by_id(frame, "now", by, column), _by_id(frame, "base", by, column))


def ranks_each(frame: pl.DataFrame, kinds: Sequence[str], column: str) -> dict[str, Ranks]:
    """By kind, from a measure of several dimensions: columns period, kind, id and ``column``."""
    return {kind: ranks(frame.filter(pl.col("kind") == kind), "id", column) for kind in kinds}


def _by_id(frame: pl.DataFrame, period: str, by: str, column: str) -> dict[int | None, float]:
    known = (pl.col("period") == period) & pl.col(column).is_not_null()
    # Cast as a whole: of ten thousand products each amount would be a Decimal first.
    rows = frame.filter(known).select(by, pl.col(column).cast(pl.Float64))
    return dict(rows.iter_rows())


def ranking(
    ctx: Context,
    kind: str,
    of: Ranks,
    *,
    label: Callable[[int | None], str] | None = None,
    good: Good = Good.UP,
    href: Callable[[int], str | None] | None = None,
) -> html.Ol:
    """Highest first; beyond the first few the rest as 'other'. ``kind`` is the filter's key.

    A row is called as its record, or what ``label`` says; it leads to its filter, or to where
    ``href`` says.
    """
    name = label or (lambda key: ctx.label(kind, key))
    leads = href or (lambda key: ctx.href(ctx.state.toggled(kind, key)))
    order = sorted(of.now.items(), key=lambda item: (-item[1], str(item[0])))
    chosen = getattr(ctx.state, kind)
    top = order if len(order) <= TOP + 1 else order[:TOP]
    rest = order[len(top) :]
    total = sum(of.now.values())
    longest = max((abs(v) for _, v in top), default=0.0) or 1.0
    if label is None:
        ctx.look_up(kind, of.now.keys() & {key for key, _ in top})
    rows = [
        _row(
            ctx,
            name(key),
            value,
            of.base.get(key) if ctx.comparable else None,
            total,
            abs(value) / longest,
            None if key is None else leads(key),
            key in chosen,
            good,
        )
        for key, value in top
    ]
    if rest:
        value = sum(v for _, v in rest)
        base = sum(of.base.get(k, 0.0) for k, _ in rest) if ctx.comparable else None
        others = ctx.t("rank.other", count=f"{len(rest):,}")
        rows.append(_row(ctx, others, value, base, total, 0.0, None, False, good))
    return html.Ol(rows, className="ranking")


def _row(
    ctx: Context,
    label: str,
    value: float,
    base: float | None,
    total: float,
    length: float,
    href: str | None,
    chosen: bool,
    good: Good,
) -> html.Li:
    share = fmt.percent(value / total) if total > 0 else fmt.NO_FIGURE
    cells = [
        html.Span(label, className="rank-label", title=label),
        html.Span(share, className="rank-share"),
        html.Span(
            fmt.money_short(value, ctx.currency),
            className="rank-value",
            title=fmt.money(value, ctx.currency),
        ),
        html.Span(
            change(fmt.change(value, base), good) if ctx.base else None,
            className="rank-change",
        ),
        html.Span(
            html.Span(style={"width": f"{min(length, 1) * 100:.1f}%"}),
            className="rank-bar",
            **attributes(aria_hidden="true"),
        ),
    ]
    if href is None:
        return html.Li(html.Span(cells, className="rank-row"))
    current = attributes(aria_current="true" if chosen else None)
    return html.Li(html.A(cells, href=href, className="rank-row", **current))
