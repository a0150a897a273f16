"""The parts of the Inventory page: what its figures stand on, breakdowns, classes, things to do."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from dash import dcc

from dashboard import charts, html
from dashboard.components.parts import attributes
from dashboard.context import Context
from nkdash.kpis import format as fmt

MOST_ROWS = 12
Row = Mapping[str, Any]


def facts(pairs: Sequence[tuple[str, Any]]) -> html.Dl:
    """A quiet line of facts: what they are, and how it is with them."""
    return html.Dl(
        [html.Div([html.Dt(name), html.Dd(value)]) for name, value in pairs], className="trust"
    )


def share_bar(share: float | None) -> html.Span:
    """A share of a whole as a thin bar and a percentage."""
    width = 0.0 if share is None else min(max(share, 0.0), 1.0)
    bar = html.Span(
        html.Span(style={"width": f"{width * 100:.1f}%"}),
        className="stock-bar",
        **attributes(aria_hidden="true"),
    )
    return html.Span([bar, html.Span(fmt.percent(share))], className="stock-share")


def breakdown(ctx: Context, kind: str, frame: pl.DataFrame) -> html.Div:
    """Stock by ``kind`` (a filter, or warehouse), highest value first, the rest as 'other'.

    Columns of ``frame``: the kind's id and the KPIs; those that it lacks are left out.
    """
    rows = sorted(frame.to_dicts(), key=lambda r: (-float(r["stock_value"] or 0), str(r[kind])))
    total = sum(float(r["stock_value"] or 0) for r in rows)
    columns = [c for c in _COLUMNS if c in frame.columns]
    shown = rows if len(rows) <= MOST_ROWS + 1 else rows[:MOST_ROWS]
    body = [_line(ctx, _name(ctx, kind, r), r, columns, total) for r in shown]
    if rest := rows[len(shown) :]:
        words = ctx.t("rank.other", count=len(rest))
        body.append(_line(ctx, words, _added(rest, columns), columns, total))
    head = [html.Th(ctx.t(f"stock.by.{kind}"), scope="col")]
    for column in columns:
        head.append(_th(ctx.t(f"stock.column.{column}")))
        if column == "stock_value":
            head.append(_th(ctx.t("column.share")))
    return scrolled(html.Table([html.Thead(html.Tr(head)), html.Tbody(body)], className="stock"))


_COLUMNS = (
    "stock_value",
    "on_hand",
    "stocked_products",
    "stock_cover",
    "low_products",
    "out_of_stock_products",
    "dead_value",
    "negative_products",
)


def _name(ctx: Context, kind: str, row: Row) -> Any:
    record = row[kind]
    if kind == "warehouse":
        return row["name"] or ctx.t("stock.no_warehouse")
    if record is None:
        return ctx.t(f"none.{kind}")
    chosen = record in getattr(ctx.state, kind)
    return html.A(
        ctx.label(kind, record),
        href=ctx.href(ctx.state.toggled(kind, record)),
        **attributes(aria_current="true" if chosen else None),
    )


def _added(rows: Sequence[Row], columns: Sequence[str]) -> dict[str, Any]:
    known = {c: [r[c] for r in rows if r[c] is not None] for c in columns if c != "stock_cover"}
    return {c: sum(known[c]) if known.get(c) else None for c in columns}


def _line(ctx: Context, name: Any, row: Row, columns: Sequence[str], total: float) -> html.Tr:
    cells: list[Any] = [html.Th(name, scope="row")]
    for column in columns:
        cells.append(_td(ctx, column, row[column]))
        if column == "stock_value":
            value = None if row[column] is None else float(row[column])
            share = value / total if value is not None and total > 0 else None
            cells.append(html.Td(share_bar(share), className="number"))
    return html.Tr(cells)


def _td(ctx: Context, column: str, value: Any) -> html.Td:
    match column:
        case "stock_value" | "dead_value":
            text = fmt.money_short(value, ctx.currency)
        case "stock_cover":
            text = fmt.count(value, 0)
        case _:
            text = fmt.count(value)
    quiet = column in ("low_products", "out_of_stock_products", "negative_products") and not value
    return html.Td(text, className="number quiet" if quiet else "number")


def _th(words: str) -> html.Th:
    return html.Th(words, scope="col", className="number")


def scrolled(table: html.Table) -> html.Div:
    """A table that is wider than a phone."""
    return html.Div(table, className="stock-scroll", tabIndex=0, role="group")


def classes(ctx: Context, frame: pl.DataFrame) -> html.Div:
    """The classes A, B, C and what was not sold: products, sales, stock, what is out or low."""
    rows = frame.to_dicts()
    sold = sum(float(r["amount"] or 0) for r in rows)
    held = sum(float(r["stock_value"] or 0) for r in rows)
    many = sum(r["products"] for r in rows)
    head = [html.Th(ctx.t("stock.class"), scope="col")]
    head += [_th(ctx.t(f"stock.column.{key}")) for key in _OF_CLASSES]
    body = [_class(ctx, r, sold, held, many) for r in rows]
    table = html.Table([html.Thead(html.Tr(head)), html.Tbody(body)], className="stock classes")
    return scrolled(table)


_OF_CLASSES = (
    "products",
    "share_of_sales",
    "amount",
    "share_of_stock",
    "stock_value",
    "out_of_stock_products",
    "low_products",
)


def _class(ctx: Context, row: Row, sold: float, held: float, many: int) -> html.Tr:
    name = row["abc_class"]
    amount = None if row["amount"] is None else float(row["amount"])
    value = None if row["stock_value"] is None else float(row["stock_value"])
    share = fmt.percent(row["products"] / many)
    of_sales = amount / sold if amount is not None and sold > 0 else None
    of_stock = value / held if value is not None and held > 0 else None
    return html.Tr(
        [
            html.Th(
                ctx.t("stock.unsold") if name == "-" else html.Strong(name, className="class-mark"),
                scope="row",
            ),
            html.Td([fmt.count(row["products"]), html.Small(share)], className="number"),
            html.Td(share_bar(of_sales), className="number"),
            html.Td(fmt.money_short(amount, ctx.currency), className="number"),
            html.Td(share_bar(of_stock), className="number"),
            html.Td(fmt.money_short(value, ctx.currency), className="number"),
            _td(ctx, "out_of_stock_products", row["out_of_stock_products"]),
            _td(ctx, "low_products", row["low_products"]),
        ]
    )


def pareto_chart(ctx: Context, frame: pl.DataFrame) -> dcc.Graph:
    """What share of all the best products have, with the bounds of the classes."""
    rows = frame.to_dicts()
    curve = [
        (
            r["share_of_products"],
            r["share_of_amount"] or 0.0,
            ctx.t(
                "stock.pareto.hover",
                count=fmt.count(r["number"]),
                products=fmt.percent(r["share_of_products"]),
                share=fmt.percent(r["share_of_amount"]),
            ),
        )
        for r in rows
    ]
    bounds, begin = [], 0.0
    for name in ("A", "B", "C"):
        ends = [r["share_of_products"] for r in rows if r["class"] == name]
        if ends:
            bounds.append((name, begin, max(ends)))
            begin = max(ends)
    return dcc.Graph(
        id={"type": "graph", "name": "pareto"},
        figure=charts.pareto(curve, bounds),
        config={"displayModeBar": False},
        responsive=True,
        className="chart",
    )


def to_do(ctx: Context, row: Row) -> html.Ul:
    """The three lists: how long they are, what they are about in money, and the way there."""
    entries = []
    for name in ("reorder", "promote", "top"):
        count, value = row[f"{name}_products"], row[f"{name}_value"]
        words = ctx.t(f"stock.{name}.about", value=fmt.money_short(value, ctx.currency))
        entries.append(
            html.Li(
                html.A(
                    [
                        html.Strong(fmt.count(count)),
                        html.Span(ctx.t(f"stock.{name}.title"), className="to-do-title"),
                        html.Span(words, className="to-do-words"),
                    ],
                    href=ctx.href(ctx.state.with_(tab=name, sort="", metric="")),
                )
            )
        )
    return html.Ul(entries, className="to-do")
