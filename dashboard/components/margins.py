"""Ranked bar lists of gross profit with its margin; a click filters by the row."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.coverage import enough
from dashboard.components.parts import attributes, change
from dashboard.components.ranking import TOP
from dashboard.context import Context
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Good
from nkdash.kpis.registry import kpi

ASKED = ("gross_profit", "costed_revenue", "uncosted_revenue")
"""The KPIs that a list is made of; all add up, so that the rest can be one row."""

Sums = Mapping[str, float | None]


def margin_ranking(
    ctx: Context, kind: str, frame: pl.DataFrame, by: str, *, filters: str | None = None
) -> html.Ol:
    """From a measure of ASKED by ``kind``: the highest ``by`` (gross_profit or gross_margin) first,
    beyond the first few the rest as 'other'; rows with too little cost coverage last and unsaid.

    ``filters`` is the filter that a click sets, where that is not ``kind``.
    """
    now, base = _by_id(frame, "now", kind), _by_id(frame, "base", kind)

    def rank(item: tuple[int | None, Sums]) -> tuple[bool, float, str]:
        value = _figure(ctx, by, item[1])
        return value is None, -(value or 0.0), str(item[0])

    order = sorted(now.items(), key=rank)
    top = order if len(order) <= TOP + 1 else order[:TOP]
    rest = order[len(top) :]
    longest = max((abs(_figure(ctx, by, sums) or 0.0) for _, sums in top), default=0.0) or 1.0
    key = filters or kind
    chosen = getattr(ctx.state, key)
    rows = [
        _row(
            ctx,
            by,
            ctx.label(key, record),
            sums,
            base.get(record),
            longest,
            None if record is None else ctx.href(ctx.state.toggled(key, record)),
            record in chosen,
        )
        for record, sums in top
    ]
    if rest:
        then = [base[record] for record, _ in rest if record in base]
        label = ctx.t("rank.other", count=len(rest))
        everything = _added([sums for _, sums in rest])
        rows.append(_row(ctx, by, label, everything, _added(then), longest, None, False))
    return html.Ol([_head(ctx), *rows], className="ranking margins")


def _by_id(frame: pl.DataFrame, period: str, kind: str) -> dict[int | None, Sums]:
    rows = frame.filter(pl.col("period") == period).select(kind, *ASKED).iter_rows(named=True)
    return {
        row[kind]: {name: None if row[name] is None else float(row[name]) for name in ASKED}
        for row in rows
    }


def _added(rows: Sequence[Sums]) -> Sums:
    found = {name: [v for row in rows if (v := row[name]) is not None] for name in ASKED}
    return {name: sum(values) if values else None for name, values in found.items()}


def _coverage(sums: Sums) -> float | None:
    costed = sums["costed_revenue"] or 0.0
    revenue = costed + (sums["uncosted_revenue"] or 0.0)
    return costed / revenue if revenue else None


def _figure(ctx: Context, name: str, sums: Sums) -> float | None:
    """Profit or margin; None where it is not known or stands on too little."""
    profit, costed = sums["gross_profit"], sums["costed_revenue"]
    if profit is None or not enough(ctx, _coverage(sums)):
        return None
    if name == "gross_profit":
        return profit
    return profit / costed if costed else None


def _head(ctx: Context) -> html.Li:
    heads = [
        html.Span(),
        html.Span(ctx.t("margins.margin"), className="rank-share"),
        html.Span(ctx.t("margins.profit"), className="rank-value"),
        html.Span(className="rank-change"),
    ]
    return html.Li(
        html.Span(heads, className="rank-row rank-head"), **attributes(aria_hidden="true")
    )


def _row(
    ctx: Context,
    by: str,
    label: str,
    sums: Sums,
    before: Sums | None,
    longest: float,
    href: str | None,
    chosen: bool,
) -> html.Li:
    profit, margin = _figure(ctx, "gross_profit", sums), _figure(ctx, "gross_margin", sums)
    value = profit if by == "gross_profit" else margin
    base = _figure(ctx, by, before) if before and ctx.comparable else None
    unit = kpi(by).unit
    cells: list[Any] = [
        html.Span(label, className="rank-label", title=label),
        html.Span(fmt.percent(margin), className="rank-share"),
        html.Span(
            fmt.money_short(profit, ctx.currency),
            className="rank-value",
            title=fmt.money(profit, ctx.currency),
        ),
        html.Span(
            change(fmt.change_of(unit, value, base), Good.UP, unit) if ctx.base else None,
            className="rank-change",
        ),
        html.Span(
            html.Span(style={"width": f"{min(abs(value or 0.0) / longest, 1) * 100:.1f}%"}),
            className="rank-bar loss" if (value or 0.0) < 0 else "rank-bar",
            **attributes(aria_hidden="true"),
        ),
    ]
    said = enough(ctx, _coverage(sums))
    style = "rank-row" if said else "rank-row unsaid"
    words = None if said else ctx.t("margins.unsaid", share=fmt.percent(_coverage(sums)))
    if href is None:
        return html.Li(html.Span(cells, className=style, title=words))
    current = attributes(aria_current="true" if chosen else None)
    return html.Li(html.A(cells, href=href, className=style, title=words, **current))
