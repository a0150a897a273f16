"""The RFM segments: a map by how recently and how often people bought, and the figures."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from dashboard import html
from dashboard.components.parts import attributes
from dashboard.context import Context
from nkdash.kpis import format as fmt

AREAS = {
    "champions": (5, 5, 4, 5),
    "loyal": (3, 4, 4, 5),
    "potential_loyalists": (4, 5, 2, 3),
    "recent": (5, 5, 1, 1),
    "promising": (4, 4, 1, 1),
    "need_attention": (3, 3, 3, 3),
    "about_to_sleep": (3, 3, 1, 2),
    "cannot_lose": (1, 2, 5, 5),
    "at_risk": (1, 2, 3, 4),
    "hibernating": (1, 2, 1, 2),
}
"""By segment: recency scores from and to, frequency scores from and to."""
STRONGEST = 45
"""Per cent of the accent under the words of the largest segment."""

Row = Mapping[str, Any]
NOBODY: Row = {"customers": 0, "customer_share": 0.0, "revenue_share": 0.0}


def segment_map(ctx: Context, frame: pl.DataFrame, chosen: str) -> html.Div:
    """The segments where their scores lie, shaded by their customers; a click chooses one."""
    rows = {row["segment"]: row for row in frame.to_dicts()}
    largest = max(row["customers"] for row in rows.values())
    areas = [
        html.A(
            [
                html.Strong(ctx.t(f"segment.{name}")),
                html.Span(fmt.count(row["customers"]), className="rfm-count"),
                html.Span(
                    ctx.t("segment.of_revenue", share=fmt.percent(row["revenue_share"])),
                    className="rfm-share",
                ),
            ],
            href=_toggle(ctx, name, chosen),
            title=ctx.t(f"segment.{name}.words"),
            className="rfm-area",
            style={
                "gridColumn": f"{recent} / {recent_to + 1}",
                "gridRow": f"{6 - often_to} / {7 - often}",
                "--heat": f"{round(STRONGEST * row['customers'] / largest)}%",
            },
            **attributes(aria_current="true" if name == chosen else None),
        )
        for name, (recent, recent_to, often, often_to) in AREAS.items()
        for row in [rows.get(name, NOBODY)]
    ]
    return html.Div(
        [
            html.Span(ctx.t("rfm.often"), className="rfm-y"),
            html.Div(areas, className="rfm-map"),
            html.Span(ctx.t("rfm.recent"), className="rfm-x"),
        ],
        className="rfm",
    )


def segment_table(ctx: Context, frame: pl.DataFrame, chosen: str) -> html.Div:
    """One row a segment that has customers, in the order of what they spent."""
    columns = ("customers", "net_revenue", "share", "revenue_per_customer", "days_since_last")
    head = [
        html.Th(ctx.t("column.segment"), scope="col"),
        *(html.Th(ctx.t(f"column.{name}"), className="number", scope="col") for name in columns),
    ]
    body = [
        html.Tr(
            [
                html.Th(
                    html.A(
                        ctx.t(f"segment.{row['segment']}"),
                        href=_toggle(ctx, row["segment"], chosen),
                        title=ctx.t(f"segment.{row['segment']}.words"),
                    ),
                    scope="row",
                ),
                *(
                    html.Td(text, title=whole, className="number")
                    for text, whole in _figures(ctx, row)
                ),
            ],
            **attributes(aria_current="true" if row["segment"] == chosen else None),
        )
        for row in frame.to_dicts()
    ]
    return html.Div(
        html.Table([html.Thead(html.Tr(head)), html.Tbody(body)], className="lines segments"),
        className="heat-scroll",
        tabIndex=0,
        role="group",
        **attributes(aria_label=ctx.t("rfm.title")),
    )


def _figures(ctx: Context, row: Row) -> list[tuple[str, str | None]]:
    spent, each = row["net_revenue"], row["revenue_per_customer"]
    return [
        (fmt.count(row["customers"]), fmt.percent(row["customer_share"])),
        (fmt.money_short(spent, ctx.currency), fmt.money(spent, ctx.currency)),
        (fmt.percent(row["revenue_share"]), None),
        (fmt.money_short(each, ctx.currency), fmt.money(each, ctx.currency)),
        (fmt.count(row["days_since_last"], 1), None),
    ]


def _toggle(ctx: Context, segment: str, chosen: str) -> str:
    return ctx.href(ctx.state.with_(metric="" if segment == chosen else segment, sort=""))
