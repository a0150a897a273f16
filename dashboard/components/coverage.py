"""How much of revenue has a known cost, and the margins that are hidden where it is too little.

Wherever cost is used: ``cost_coverage`` asks, ``coverage_strip`` tells, ``veiled`` takes out of a
frame the figures that stand on too little, ``hidden_words`` says so with the link that shows them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.parts import attributes, explain_button, message
from dashboard.context import Context
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Query
from nkdash.kpis.profit import ENOUGH
from nkdash.kpis.registry import measure

MARGINS = ("gross_profit", "gross_margin", "cogs")
"""The KPIs that are hidden."""

SOURCES = ("bill", "opening", "odoo_line_cost", "standard_price")
"""Where a cost is from, in order of trust."""


@dataclass(frozen=True)
class CostCoverage:
    """Revenue by where its cost is from, in currency; ``share`` of all revenue has a cost.

    ``share`` is None without revenue. Revenue of ``uncosted`` has no cost.
    """

    share: float | None
    by_source: Mapping[str, float]
    uncosted: float


def coverage_query(ctx: Context) -> Query:
    """Revenue with and without cost, by source of the cost; the period only."""
    return measure(("costed_revenue", "uncosted_revenue"), ctx.selection.now, ("cost_source",))


def cost_coverage(ctx: Context) -> CostCoverage:
    """The cost coverage of what is shown."""
    rows = ctx.session.frame(coverage_query(ctx)).to_dicts()
    # A source can know the cost without tax only: with tax its lines are not covered.
    costed = {r["cost_source"]: float(r["costed_revenue"]) for r in rows if r["cost_source"]}
    uncosted = sum(float(r["uncosted_revenue"]) for r in rows)
    revenue = sum(costed.values()) + uncosted
    share = sum(costed.values()) / revenue if revenue else None
    return CostCoverage(share, {s: costed[s] for s in SOURCES if costed.get(s)}, uncosted)


def enough(ctx: Context, share: fmt.Number | None) -> bool:
    """Margins on this coverage may be shown: it is enough, or the reader asked for them.

    Without revenue (None) there is nothing to cover: goods given away have their cost.
    """
    return ctx.state.uncovered or share is None or share >= ENOUGH


def veiled(ctx: Context, frame: pl.DataFrame, names: Sequence[str] = MARGINS) -> pl.DataFrame:
    """A trend or measure with ``names`` taken out of the rows whose cost_coverage is too little."""
    if ctx.state.uncovered:
        return frame
    known = pl.col("cost_coverage").fill_null(1.0) >= ENOUGH
    held = [name for name in names if name in frame.columns]
    return frame.with_columns(pl.when(known).then(pl.col(name)).alias(name) for name in held)


def coverage_strip(ctx: Context, covered: CostCoverage, explain: str | None = None) -> html.Section:
    """One line and a thin bar: the share of revenue with a cost, and where the cost is from."""
    revenue = sum(covered.by_source.values()) + covered.uncosted
    parts = [*covered.by_source.items(), *([("none", covered.uncosted)] if revenue else [])]
    title = ctx.t("cover.title")
    return html.Section(
        [
            html.Div(
                [
                    html.P(
                        [
                            html.Strong(fmt.percent(covered.share)),
                            " ",
                            ctx.t("cover.words", tax=ctx.t(f"tax.{ctx.tax}")),
                        ]
                    ),
                    html.Div(
                        [
                            _choice(ctx, covered.share),
                            explain and explain_button(ctx.texts, explain, title),
                        ],
                        className="tools",
                    ),
                ],
                className="cover-head",
            ),
            html.Div(
                [
                    html.Span(
                        className=f"cover-{source}",
                        style={"width": f"{min(100.0, max(0.0, 100 * amount / revenue)):.2f}%"},
                    )
                    for source, amount in parts
                ],
                className="cover-bar",
                **attributes(aria_hidden="true"),
            ),
            html.Ul(
                [_key(ctx, source, amount, revenue) for source, amount in parts],
                className="cover-key",
            ),
        ],
        className="cover" if enough(ctx, covered.share) else "cover little",
        **attributes(aria_label=title),
    )


def _key(ctx: Context, source: str, amount: float, revenue: float) -> html.Li:
    label: Any = ctx.t(f"cover.{source}")
    if source == "none" and amount:
        products = ctx.state.with_(tab="products", sort="-uncosted_revenue", metric="")
        label = html.A(label, href=ctx.href(products, "/profit"), title=ctx.t("cover.which"))
    return html.Li(
        [
            html.Span(className=f"cover-swatch cover-{source}", **attributes(aria_hidden="true")),
            label,
            html.Span(fmt.percent(amount / revenue), className="cover-share"),
        ],
        title=fmt.money(amount, ctx.currency),
    )


def _choice(ctx: Context, share: float | None) -> html.A | None:
    """Back to hidden margins, where they are shown on the reader's word alone."""
    if not ctx.state.uncovered or share is None or share >= ENOUGH:
        return None
    return html.A(ctx.t("cover.hide"), href=ctx.href(ctx.state.with_(uncovered=False)))


def hidden_words(ctx: Context, share: fmt.Number | None) -> html.Div:
    """Says that margins are hidden and why, with the link that shows them anyway."""
    return message(
        ctx.t("cover.hidden"),
        ctx.t("cover.hidden.words", share=fmt.percent(share), enough=fmt.percent(ENOUGH)),
        remedy=html.A(
            ctx.t("cover.show"),
            href=ctx.href(ctx.state.with_(uncovered=True)),
            className="cover-show",
        ),
    )
