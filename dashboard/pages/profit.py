"""Profit: margins and where they come from, how much of revenue has a cost, what changed costs."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.coverage import (
    cost_coverage,
    coverage_query,
    coverage_strip,
    enough,
    hidden_words,
    veiled,
)
from dashboard.components.lines import Cell, Row, lines_table, product, units
from dashboard.components.margins import ASKED, margin_ranking
from dashboard.components.parts import (
    attributes,
    card,
    empty_selection,
    message,
    nothing_sold,
)
from dashboard.components.tiles import tiles
from dashboard.components.trend import trend_card
from dashboard.context import Context
from dashboard.data import profit
from dashboard.data.scope import WithheldError
from dashboard.odoo import record_url
from dashboard.sections import Page, Section
from dashboard.state import State
from dashboard.tables import Column, Table
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Query, TaxBasis
from nkdash.kpis.registry import kpi, measure, measure_each, trend

TRENDED = ("gross_profit", "gross_margin", "cogs", "costed_revenue", "cost_coverage")
COVERED = ("costed_revenue", "cost_coverage")
PLACES = ("store", "root_category")
MIX = ("category", "brand")
OWNERS = ("principal", "vendor")
FILTER_OF = {"root_category": "category"}
PRODUCT_PAGE = "/product"


def summary(ctx: Context) -> Any:
    """Coverage, tiles and the trend; what coverage does not carry is hidden."""
    frame = ctx.session.frame(trend((*TRENDED, "uncosted_revenue"), ctx.selection, ctx.grain))
    if nothing_sold(frame):
        return empty_selection(ctx)
    covered = cost_coverage(ctx)
    shown = enough(ctx, covered.share)
    frame = veiled(ctx, frame)
    if shown:
        frame = _with_gmroi(ctx, frame)
    names = (*TRENDED, "gmroi") if shown else (*COVERED, "uncosted_revenue")
    default = "gross_profit" if shown else "cost_coverage"
    chosen = ctx.state.metric if ctx.state.metric in {*names} - {"gmroi"} else default
    return html.Div(
        [
            coverage_strip(ctx, covered, "profit.coverage"),
            None if shown else hidden_words(ctx, covered.share),
            tiles(ctx, names, frame, chosen),
            html.Div(trend_card(ctx, kpi(chosen), frame), className="grid"),
        ],
        className="profit",
    )


def _with_gmroi(ctx: Context, frame: pl.DataFrame) -> pl.DataFrame:
    """The trend with GMROI in its rows of the whole period; stock is only for those who may see
    all stores.
    """
    try:
        found = ctx.session.frame(measure(("gmroi",), ctx.selection)).with_columns(is_total=True)
    except WithheldError:
        return frame.with_columns(gmroi=pl.lit(None, pl.Float64))
    return frame.join(found.cast({"gmroi": pl.Float64}), on=["period", "is_total"], how="left")


def by(ctx: Context, kind: str) -> Query:
    """Profit and coverage by a dimension."""
    return measure(ASKED, ctx.selection, (kind,))


def places(ctx: Context) -> Any:
    """Stores and main categories."""
    return _rankings(ctx, PLACES, speaks=False)


def mix(ctx: Context) -> Any:
    """Categories and brands."""
    return _rankings(ctx, MIX, speaks=True)


def owners(ctx: Context) -> Any:
    """Principals, and vendors by the newest bill of each product."""
    return _rankings(ctx, OWNERS, speaks=False)


def _rankings(ctx: Context, kinds: Sequence[str], *, speaks: bool) -> Any:
    """Cards of profit with margin, the highest of the chosen one first.

    Where nothing can be shown, it says why if it ``speaks`` for its tab.
    """
    found = ctx.session.frame(measure_each(ASKED, ctx.selection, tuple(kinds)))
    if nothing_sold(found):
        return empty_selection(ctx) if speaks else None
    frames = [(kind, found.filter(kind=kind).rename({"id": kind})) for kind in kinds]
    covered = _share(frames[0][1])
    if not enough(ctx, covered):
        return hidden_words(ctx, covered) if speaks else None
    order = "gross_margin" if ctx.state.metric == "gross_margin" else "gross_profit"
    return html.Div(
        [
            card(
                ctx,
                ctx.t(f"profit.by_{kind}"),
                margin_ranking(ctx, kind, frame, order, filters=FILTER_OF.get(kind)),
                hint=ctx.t(f"margins.hint_{order}"),
                explain=f"profit.{kind}",
            )
            for kind, frame in frames
        ],
        className="grid",
    )


def _share(frame: pl.DataFrame) -> float | None:
    """The cost coverage of a measure of ASKED, all its rows together."""
    now = frame.filter(pl.col("period") == "now").select(
        pl.col("costed_revenue").sum().cast(pl.Float64),
        pl.col("uncosted_revenue").sum().cast(pl.Float64),
    )
    costed, uncosted = now.row(0)
    return costed / (costed + uncosted) if costed + uncosted else None


def discounts(ctx: Context) -> Any:
    """What is left of the margin by how much was taken off the price."""
    rows = ctx.session.frame(profit.discounts(ctx.selection)).to_dicts()
    if not rows:
        return None
    if not enough(ctx, _covered(rows)):
        return None
    return html.Div(
        card(
            ctx,
            ctx.t("profit.discounts"),
            _bands(ctx, rows),
            hint=ctx.t("profit.discounts.hint"),
            explain="profit.discounts",
            wide=True,
        ),
        className="grid",
    )


def _covered(rows: Sequence[Row]) -> float | None:
    costed = sum(float(row["costed_revenue"]) for row in rows)
    revenue = costed + sum(float(row["uncosted_revenue"]) for row in rows)
    return costed / revenue if revenue else None


def _bands(ctx: Context, rows: list[Row]) -> html.Div:
    """A row a band; margins share one scale, so that their bars can be compared."""
    revenue = sum(float(row["net_revenue"]) for row in rows)
    for row in rows:
        known = row["gross_profit"] is not None and enough(ctx, _covered([row]))
        row["profit"] = row["gross_profit"] if known else None
        costed = float(row["costed_revenue"])
        row["margin"] = float(row["profit"]) / costed if known and costed else None
    widest = max((abs(row["margin"]) for row in rows if row["margin"] is not None), default=1.0)

    def margin(row: Row) -> Any:
        if row["margin"] is None:
            return fmt.NO_FIGURE
        width = min(abs(row["margin"]) / (widest or 1.0), 1.0)
        bar = html.Span(
            html.Span(style={"width": f"{width * 100:.1f}%"}),
            className="margin-bar loss" if row["margin"] < 0 else "margin-bar",
            **attributes(aria_hidden="true"),
        )
        return html.Span([bar, html.Span(fmt.percent(row["margin"]))], className="margin-cell")

    cells = (
        Cell("discount_band", lambda row: ctx.t(f"profit.band_{row['band']}"), is_number=False),
        Cell("gross_margin", margin),
        Cell("gross_profit", lambda row: fmt.money_short(row["profit"], ctx.currency)),
        Cell("net_revenue", lambda row: fmt.money_short(row["net_revenue"], ctx.currency)),
        Cell(
            "share",
            lambda row: fmt.percent(float(row["net_revenue"]) / revenue) if revenue > 0 else "",
        ),
        Cell("lines", lambda row: fmt.count(row["lines"])),
    )
    return html.Div(lines_table(ctx, cells, rows), className="bands")


def losses(ctx: Context) -> Any:
    """What was sold below cost, in a sentence, and why."""
    rows = ctx.session.frame(profit.loss_reasons(ctx.selection)).to_dicts()
    if not rows:
        return message(ctx.t("losses.none"), ctx.t("losses.none.words", days=ctx.days(ctx.period)))
    lost = sum(float(row["lost"]) for row in rows)
    words = ctx.t(
        "losses.words",
        lines=fmt.count(sum(row["lines"] for row in rows)),
        lost=fmt.money(lost, ctx.currency),
    )
    return _told(
        ctx,
        words,
        [
            (
                ctx.t(f"losses.{row['reason']}"),
                fmt.money_short(row["lost"], ctx.currency),
                ctx.t("losses.of", lines=fmt.count(row["lines"]), products=row["products"]),
                "worse",
            )
            for row in rows
        ],
        "profit.losses",
    )


def costs(ctx: Context) -> Any:
    """What dearer and cheaper bills did to profit, in a sentence."""
    rows = {
        row["is_dearer"]: row
        for row in ctx.session.frame(profit.cost_effect(ctx.selection)).to_dicts()
    }
    if not rows:
        return message(ctx.t("costs.none"), ctx.t("costs.none.words", days=ctx.days(ctx.period)))
    net = sum(float(row["effect"]) for row in rows.values())
    words = ctx.t(
        "costs.took" if net < 0 else "costs.gave", amount=fmt.money(abs(net), ctx.currency)
    )
    return _told(
        ctx,
        words,
        [
            (
                ctx.t("costs.dearer" if dearer else "costs.cheaper"),
                fmt.money_short(row["effect"], ctx.currency),
                ctx.t("costs.of", changes=fmt.count(row["changes"]), products=row["products"]),
                "worse" if dearer else "better",
            )
            for dearer, row in sorted(rows.items(), reverse=True)
        ],
        "profit.costs",
    )


def _told(
    ctx: Context, words: str, figures: Sequence[tuple[str, str, str, str]], explain: str
) -> html.Div:
    """A sentence, and the figures it adds up: (label, figure, quiet words, better or worse)."""
    return html.Div(
        card(
            ctx,
            words,
            html.Dl(
                [
                    html.Div(
                        [
                            html.Dt(label),
                            html.Dd(figure, className=f"told-figure {sort}"),
                            html.Dd(quiet, className="told-quiet"),
                        ]
                    )
                    for label, figure, quiet, sort in figures
                ],
                className="told",
            ),
            explain=explain,
            wide=True,
        ),
        className="grid",
    )


def receipt(ctx: Context, line: str) -> Any:
    """The receipt that a line is on, with what its goods had cost, and the receipt in Odoo."""
    transaction = line.rpartition("/")[0]
    rows = ctx.session.frame(profit.receipt(transaction, ctx.selection)).to_dicts()
    if not rows:
        return None
    order, move = rows[0]["order_id"], rows[0]["move_id"]
    model, record = ("pos.order", order) if order else ("account.move", move)
    cells = (
        Cell("name", product, is_number=False),
        Cell("quantity", lambda row: units(row["quantity"])),
        Cell("net_revenue", lambda row: fmt.money(row["net_revenue"], ctx.currency)),
        Cell("cogs", lambda row: fmt.money(row["cogs"], ctx.currency)),
        Cell("gross_profit", lambda row: _signed(ctx, row["gross_profit"])),
    )
    head = [html.Span(ctx.t(f"tax.{ctx.tax}")), _odoo(ctx, model, record)]
    return [html.P(head, className="drawer-head"), lines_table(ctx, cells, rows)]


def _signed(ctx: Context, amount: Any) -> html.Span:
    loss = amount is not None and amount < 0
    return html.Span(fmt.money(amount, ctx.currency), className="change worse" if loss else None)


def cost_change(ctx: Context, change: str) -> Any:
    """One cost change: before and after, on the unit and on the margin, with the bill in Odoo."""
    asked = profit.cost_changes(ctx.selection)
    query = Query(
        f"SELECT * FROM ({asked.sql}) AS t WHERE change_key = $change_key",
        {**asked.params, "change_key": change},
    )
    rows = ctx.session.frame(query).to_dicts()
    if not rows:
        return None
    row = rows[0]
    its_page = ctx.href(State(product=(row["product_id"],)), PRODUCT_PAGE)
    head = [html.Strong(row["name"]), html.A(ctx.t("profit.product_page"), href=its_page)]
    unit = [
        (ctx.t("column.cost_before"), fmt.money(row["cost_before"], ctx.currency)),
        (ctx.t("column.cost_now"), fmt.money(row["cost_now"], ctx.currency)),
        (ctx.t("column.per_unit"), fmt.money(row["per_unit"], ctx.currency)),
        (ctx.t("column.price"), fmt.money(row["price"], ctx.currency)),
        (ctx.t("column.margin_before"), fmt.percent(row["margin_before"])),
        (ctx.t("column.margin_now"), fmt.percent(row["margin_now"])),
        (ctx.t("column.net_items"), fmt.count(row["net_items"])),
        (ctx.t("column.effect"), fmt.money(row["effect"], ctx.currency)),
    ]
    bill = [
        (ctx.t("column.date"), ctx.day(row["date"])),
        (ctx.t("column.vendor"), row["vendor"] or ctx.t("none.vendor")),
        (ctx.t("column.bill"), row["bill"]),
        (ctx.t("column.quantity"), units(row["bought"])),
        (ctx.t("filter.tax"), ctx.t(f"tax.{ctx.tax}")),
    ]
    return [
        html.P(head, className="drawer-head"),
        _facts(unit),
        html.H3(ctx.t("costs.bill"), className="facts-head"),
        _facts(bill),
        html.P(_odoo(ctx, "account.move", row["move_id"])),
    ]


def _facts(facts: Sequence[tuple[str, Any]]) -> html.Dl:
    return html.Dl(
        [html.Div([html.Dt(term), html.Dd(words)]) for term, words in facts], className="facts"
    )


def _odoo(ctx: Context, model: str, record: int | None) -> html.A | None:
    address = record_url(ctx.settings, model, record)
    if address is None:
        return None
    return html.A(ctx.t("odoo.open"), href=address, target="_blank", rel="noopener")


def _of_product(ctx: Context, row: Mapping[str, Any]) -> str:
    only = ctx.state.with_(product=(row["product_id"],), tab="", sort="", metric="")
    return ctx.href(only)


PRODUCTS = Table(
    "profit_products",
    key="product_id",
    sort="-gross_profit",
    columns=(
        Column("name", "text", 230, grows=True),
        Column("net_revenue", "money", 140),
        Column("cogs", "money", 140),
        Column("gross_profit", "money", 140),
        Column("gross_margin", "ratio", 95),
        Column("cost_coverage", "ratio", 110),
        Column("net_items", "count", 110),
        Column("uncosted_revenue", "money", 140),
        Column("sku", "text", 120),
        Column("category", "text", 130),
        Column("brand", "text", 130),
    ),
    query=lambda ctx: profit.products(ctx.selection, uncovered=ctx.state.uncovered),
    href=_of_product,
)
BELOW_COST = Table(
    "below_cost",
    key="line_key",
    sort="-lost",
    columns=(
        Column("name", "text", 230, grows=True),
        Column("lost", "money", 120),
        Column("net_revenue", "money", 130),
        Column("cogs", "money", 130),
        Column("discount_rate", "ratio", 105),
        Column("quantity", "count", 105),
        Column("date", "day", 115),
        Column("store", "text", 140),
        Column("cashier", "text", 130),
        Column("sku", "text", 120),
    ),
    query=lambda ctx: profit.losses(ctx.selection),
    drawer=receipt,
)
COST_CHANGES = Table(
    "profit_costs",
    key="change_key",
    sort="effect",
    columns=(
        Column("name", "text", 230, grows=True),
        Column("cost_before", "money", 115),
        Column("cost_now", "money", 115),
        Column("change", "change", 90),
        Column("margin_before", "ratio", 130),
        Column("margin_now", "ratio", 120),
        Column("net_items", "count", 110),
        Column("effect", "money", 130),
        Column("date", "day", 110),
        Column("vendor", "text", 150),
        Column("bill", "text", 165),
        Column("price", "money", 115),
        Column("sku", "text", 120),
    ),
    query=lambda ctx: profit.cost_changes(ctx.selection),
    drawer=cost_change,
)


def page() -> Page:
    """The page of margins; without tax unless asked otherwise."""
    return Page(
        name="profit",
        path="/profit",
        icon="coins",
        order=5,
        tax=TaxBasis.EX,
        tabs={
            "summary": (
                Section("profit-summary", summary, 620),
                Section("profit-places", places, 360),
            ),
            "mix": (
                Section("profit-mix", mix, 400),
                Section("profit-owners", owners, 400),
                Section("profit-discounts", discounts, 360),
            ),
            "products": (),
            "below_cost": (Section("profit-losses", losses, 140),),
            "costs": (Section("profit-costs", costs, 140),),
        },
        tables={"products": PRODUCTS, "below_cost": BELOW_COST, "costs": COST_CHANGES},
        explains={
            **{kind: partial(by, kind=kind) for kind in (*PLACES, *MIX, *OWNERS)},
            "coverage": coverage_query,
            "discounts": lambda ctx: profit.discounts(ctx.selection),
            "losses": lambda ctx: profit.loss_reasons(ctx.selection),
            "costs": lambda ctx: profit.cost_effect(ctx.selection),
        },
        rows=dict.fromkeys(("profit", "gmroi"), "products"),
    )
