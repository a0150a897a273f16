"""Purchases: spend, what units cost now and before, returns and free goods, vendors and bills."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from dashboard import html
from dashboard.components.lines import Cell, Row, lines_table, product, units
from dashboard.components.parts import card, change, message, nothing_sold
from dashboard.components.ranking import ranking, ranks_each
from dashboard.components.tiles import tiles
from dashboard.components.trend import trend_card
from dashboard.context import Context
from dashboard.data import purchases
from dashboard.odoo import record_url
from dashboard.sections import Page, Section
from dashboard.state import State
from dashboard.tables import Column, Table
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Good, Query
from nkdash.kpis.purchases import FILTERS
from nkdash.kpis.registry import kpi, measure, measure_each, trend

SUMMARY = (
    "spend",
    "cost_change_value",
    "units_bought",
    "average_unit_cost",
    "vendor_returns",
    "free_goods_value",
    "bills",
    "vendors",
)
UNIT_COSTS = ("cost_change_value", "cost_change", "average_unit_cost", "units_bought")
BACK_AND_FREE = (
    "vendor_returns",
    "vendor_return_rate",
    "free_goods_value",
    "free_units",
)
SPENT_BY = ("vendor", "brand", "category", "principal")
DEPENDS = ("brand", "category")
DEPENDS_SHOWN = 10
PRODUCT_PAGE = "/product"


def billed(draw: Callable[[Context], Any]) -> Callable[[Context], Any]:
    """A section that holds to the days of bills, which may be others than those of sales."""

    def drawn(ctx: Context) -> Any:
        own = replace(ctx, fact="fact_purchases")
        if own.coverage.loaded:
            return draw(own)
        words = own.t("purchases.unloaded.words", days=own.days(own.period))
        return message(own.t("purchases.unloaded"), words, sort="problem")

    return drawn


def tiles_and_trend(ctx: Context, names: tuple[str, ...]) -> Any:
    """Tiles, the first the default of the trend below them."""
    frame = ctx.session.frame(trend(names, ctx.selection, ctx.grain))
    chosen = ctx.state.metric if ctx.state.metric in names else names[0]
    return [
        missing(ctx),
        tiles(ctx, names, frame, chosen),
        nothing_bought(ctx)
        if nothing_sold(frame)
        else html.Div(trend_card(ctx, kpi(chosen), frame), className="grid"),
    ]


def missing(ctx: Context) -> html.Div | None:
    """Says that some days of bills are not loaded, since their spend is not in the figures."""
    if ctx.coverage.complete:
        return None
    return message(
        ctx.t("purchases.missing", count=ctx.coverage.missing), ctx.t("purchases.missing.words")
    )


def nothing_bought(ctx: Context) -> html.Div:
    """No bill matches, which is not the same as none loaded."""
    clear = html.A(ctx.t("empty.clear"), href=ctx.href(ctx.state.cleared()))
    return message(
        ctx.t("purchases.empty"),
        ctx.t("empty.words", days=ctx.days(ctx.period)),
        remedy=clear if ctx.state.filters else None,
    )


def summary(ctx: Context) -> Any:
    """Spend and what it bought."""
    return tiles_and_trend(ctx, SUMMARY)


def unit_costs(ctx: Context) -> Any:
    """What the same units cost more or less than before."""
    return tiles_and_trend(ctx, UNIT_COSTS)


def back_and_free(ctx: Context) -> Any:
    """Refunds of vendors and free goods."""
    return tiles_and_trend(ctx, BACK_AND_FREE)


def by(ctx: Context, kind: str, name: str) -> Query:
    """One KPI by a dimension."""
    return measure((name,), ctx.selection, (kind,))


def rankings(ctx: Context, name: str, kinds: tuple[str, ...]) -> Any:
    """Who or what has most of a KPI of money; a click filters."""
    frame = ctx.session.frame(measure_each((name,), ctx.selection, kinds))
    if nothing_sold(frame):
        return None
    title = ctx.t(f"kpi.{name}.title")
    return html.Div(
        [
            card(
                ctx,
                ctx.t(f"purchases.by_{kind}", kpi=title),
                ranking(
                    ctx,
                    kind,
                    of,
                    good=kpi(name).good,
                    href=partial(_filtered, ctx, kind),
                ),
                hint=ctx.t("purchases.click", kpi=title),
                explain=f"purchases.{name}_{kind}",
            )
            for kind, of in ranks_each(frame, kinds, name).items()
        ],
        className="grid",
    )


def _filtered(ctx: Context, kind: str, record: int) -> str | None:
    # Who bills only services is nobody that goods can be filtered by.
    known = record in ctx.names.names[kind]
    return ctx.href(ctx.state.toggled(kind, record)) if known else None


def depends(ctx: Context, kind: str) -> Query:
    """The largest vendor of each brand or category."""
    return purchases.dependency(ctx.selection, kind)


def dependencies(ctx: Context) -> Any:
    """Brands and categories by spend, each with the vendor it depends on most."""
    frames = [(kind, ctx.session.frame(depends(ctx, kind))) for kind in DEPENDS]
    if all(frame.is_empty() for _, frame in frames):
        return nothing_bought(ctx)
    return html.Div(
        [
            card(
                ctx,
                ctx.t(f"purchases.depends_{kind}"),
                _dependency(ctx, kind, frame.head(DEPENDS_SHOWN).to_dicts()),
                hint=ctx.t("purchases.depends.hint"),
                explain=f"purchases.depends_{kind}",
            )
            for kind, frame in frames
        ],
        className="grid",
    )


def _dependency(ctx: Context, kind: str, rows: list[Row]) -> html.Div:
    cells = (
        Cell(kind, lambda row: ctx.label(kind, row[kind]), is_number=False),
        Cell("largest_vendor", lambda row: _vendor(ctx, row), is_number=False),
        Cell("share", lambda row: _share(row["vendor_share"])),
        Cell("vendors", lambda row: fmt.count(row["vendors"])),
        Cell("spend", lambda row: fmt.money_short(row["spend"], ctx.currency)),
    )
    return html.Div(lines_table(ctx, cells, rows), className="depends")


def _vendor(ctx: Context, row: Row) -> Any:
    label = ctx.label("vendor", row["vendor"])
    href = None if row["vendor"] is None else _filtered(ctx, "vendor", row["vendor"])
    return html.A(label, href=href) if href else label


def _share(share: float) -> html.Span:
    bar = html.Span(style={"width": f"{min(share, 1) * 100:.1f}%"})
    return html.Span([fmt.percent(share), html.Span(bar, className="share-bar")], className="share")


def _money(ctx: Context, name: str) -> Callable[[Row], str]:
    return lambda row: fmt.money(row[name], ctx.currency)


def _odoo(ctx: Context, model: str, record: int) -> html.A | None:
    address = record_url(ctx.settings, model, record)
    if address is None:
        return None
    return html.A(ctx.t("odoo.open"), href=address, target="_blank", rel="noopener")


def bill(ctx: Context, move: str) -> Any:
    """The lines of one bill, and the bill in Odoo."""
    rows = ctx.session.frame(purchases.bill_lines(int(move), ctx.selection.companies)).to_dicts()
    cells = (
        Cell("name", lambda row: [*product(row), _free(ctx, row)], is_number=False),
        Cell("quantity", lambda row: units(row["quantity"])),
        Cell("unit_cost", _money(ctx, "unit_cost")),
        Cell("change", lambda row: _change(row["change"])),
        Cell("spend", _money(ctx, "spend")),
    )
    total = fmt.money(sum(row["spend"] for row in rows), ctx.currency)
    head = [html.Strong(rows[0]["bill"] if rows else ""), _odoo(ctx, "account.move", int(move))]
    return [html.P(head, className="drawer-head"), lines_table(ctx, cells, rows, total)]


def _free(ctx: Context, row: Row) -> html.Small | None:
    return html.Small(ctx.t("kind.free")) if row["is_free_item"] else None


def _change(ratio: float | None) -> Any:
    return fmt.NO_FIGURE if ratio is None else change(ratio, Good.DOWN)


def cost_history(ctx: Context, line: str) -> Any:
    """What the product cost by its last bills, and where to go from there."""
    query = purchases.cost_history(int(line), ctx.selection.companies)
    rows = ctx.session.frame(query).to_dicts()
    if not rows:
        return None
    for row, before in zip(rows, [*rows[1:], None], strict=True):
        row["change"] = before and fmt.change(row["unit_cost"], before["unit_cost"])
    newest = rows[0]
    cells = (
        Cell("date", lambda row: ctx.day(row["date"]), is_number=False),
        Cell("vendor", lambda row: _of_bill(ctx, row), is_number=False),
        Cell("quantity", lambda row: units(row["quantity"])),
        Cell("unit_cost", _money(ctx, "unit_cost")),
        Cell("change", lambda row: _change(row["change"])),
    )
    its_page = ctx.href(State(product=(newest["product_id"],)), PRODUCT_PAGE)
    head = [
        html.Strong(newest["name"]),
        html.A(ctx.t("purchases.product_page"), href=its_page),
    ]
    return [html.P(head, className="drawer-head"), lines_table(ctx, cells, rows)]


def _of_bill(ctx: Context, row: Row) -> list[Any]:
    address = record_url(ctx.settings, "account.move", row["move_id"])
    link = html.A(row["bill"], href=address, target="_blank", rel="noopener") if address else None
    return [row["vendor"] or ctx.t("none.vendor"), html.Small(link or row["bill"])]


def of_vendor(ctx: Context, row: Mapping[str, Any]) -> str:
    """The summary of one vendor."""
    state = ctx.state.with_(tab="", sort="", metric="")
    known = row["vendor_id"] in ctx.names.names["vendor"]
    return ctx.href(state.with_(vendor=(row["vendor_id"],)) if known else ctx.state)


COST_CHANGES = Table(
    "cost_changes",
    key="line_id",
    sort="-cost_change_value",
    columns=(
        Column("name", "text", 230, grows=True),
        Column("vendor", "text", 170),
        Column("previous_cost", "money", 120),
        Column("unit_cost", "money", 120),
        Column("change", "change", 120),
        Column("cost_change_value", "money", 130),
        Column("quantity", "count", 95),
        Column("date", "day", 115),
        Column("bill", "text", 180),
        Column("previous_date", "day", 150),
        Column("sku", "text", 130),
    ),
    query=lambda ctx: purchases.cost_changes(ctx.selection),
    drawer=cost_history,
)
VENDORS = Table(
    "vendors",
    key="vendor_id",
    sort="-spend",
    columns=(
        Column("vendor", "text", 200, grows=True),
        Column("spend", "money", 140),
        Column("vendor_share", "ratio", 100),
        Column("bills", "count", 80),
        Column("products_bought", "count", 100),
        Column("units_bought", "count", 100),
        Column("cost_change", "change", 130),
        Column("cost_change_value", "money", 120),
        Column("vendor_returns", "money", 120),
        Column("free_goods_value", "money", 120),
    ),
    query=lambda ctx: purchases.vendors(ctx.selection),
    href=of_vendor,
)
BILLS = Table(
    "bills",
    key="move_id",
    sort="-date",
    columns=(
        Column("date", "day", 115),
        Column("bill", "text", 190),
        Column("vendor", "text", 200, grows=True),
        Column("spend", "money", 140),
        Column("total_tax_in", "money", 140),
        Column("lines", "count", 80),
        Column("is_refund", "flag", 95),
        Column("reference", "text", 170),
    ),
    query=lambda ctx: purchases.bills(ctx.selection),
    drawer=bill,
)


def page() -> Page:
    """The page of the buyer."""
    spent = partial(rankings, name="spend", kinds=SPENT_BY)
    returned = partial(rankings, name="vendor_returns", kinds=("vendor", "brand"))
    return Page(
        name="purchases",
        path="/purchases",
        icon="truck-delivery",
        order=7,
        tabs={
            "summary": (
                Section("purchases-summary", billed(summary), 580),
                Section("purchases-spent", billed(spent), 640),
            ),
            "unit_costs": (Section("purchases-costs", billed(unit_costs), 460),),
            "vendors": (Section("purchases-vendors", billed(dependencies), 420),),
            "vendor_returns": (
                Section("purchases-returns", billed(back_and_free), 460),
                Section("purchases-returned", billed(returned), 320),
            ),
            "bills": (),
        },
        tables={"unit_costs": COST_CHANGES, "vendors": VENDORS, "bills": BILLS},
        explains={
            **{f"spend_{kind}": partial(by, kind=kind, name="spend") for kind in SPENT_BY},
            **{
                f"vendor_returns_{kind}": partial(by, kind=kind, name="vendor_returns")
                for kind in ("vendor", "brand")
            },
            **{f"depends_{kind}": partial(depends, kind=kind) for kind in DEPENDS},
        },
        rows=dict.fromkeys(("purchases", "dependency"), "bills"),
        filters=FILTERS,
    )
