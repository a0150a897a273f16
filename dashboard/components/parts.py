"""The small parts: icons, cards, messages, links, the change against the base."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from dashboard import html
from dashboard.context import Context
from dashboard.i18n import Texts
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Good, Unit

Children = Any


def attributes(**values: str | None) -> dict[str, Any]:
    """``aria_label='x'`` as ``{'aria-label': 'x'}``; what is None is left out."""
    return {name.replace("_", "-"): text for name, text in values.items() if text is not None}


def icon(name: str) -> html.Span:
    """A decorative icon, one of ``assets/icons``."""
    return html.Span(className=f"icon icon-{name}", **attributes(aria_hidden="true"))


def explain_button(texts: Texts, what: str, title: str) -> html.Button:
    """The small 'i' that opens definition, SQL and as-of of ``what``."""
    return html.Button(
        icon("info-circle"),
        className="explain",
        type="button",
        title=texts("explain.open"),
        **attributes(data_explain=what, aria_label=texts("explain.of", what=title)),
    )


def _picture_button(texts: Texts, title: str) -> html.Button:
    return html.Button(
        icon("photo-down"),
        className="explain",
        type="button",
        title=texts("export.png"),
        **attributes(data_png="", aria_label=texts("export.png_of", what=title)),
    )


def card(
    ctx: Context,
    title: str,
    children: Children,
    *,
    hint: Children = None,
    explain: str | None = None,
    actions: Children = None,
    wide: bool = False,
    picture: bool = False,
) -> html.Section:
    """A titled card; ``hint`` is a quiet line under the title, ``explain`` what its 'i' tells;
    with ``picture`` its chart can be saved as PNG.
    """
    head = [html.Div([html.H2(title), hint and html.P(hint, className="hint")])]
    tools = [
        actions,
        picture and _picture_button(ctx.texts, title),
        explain and explain_button(ctx.texts, explain, title),
    ]
    return html.Section(
        [
            html.Header([*head, html.Div([t for t in tools if t], className="tools")]),
            html.Div(children, className="card-body"),
        ],
        className="card wide" if wide else "card",
        **attributes(aria_label=title),
    )


def message(
    title: str, words: Children, *, remedy: Children = None, sort: str = "note"
) -> html.Div:
    """Says what is and what to do; ``sort`` is 'note', or 'problem' for what needs somebody."""
    return html.Div(
        [
            icon("alert-triangle" if sort == "problem" else "info-circle"),
            html.Div([html.Strong(title), html.P(words), remedy and html.P(remedy)]),
        ],
        className=f"message {sort}",
        role="alert" if sort == "problem" else "status",
    )


def change_class(ratio: float | None, good: Good) -> str:
    """Green, red or neither, by whether more is better."""
    if ratio is None or abs(ratio) < 0.0005 or good is Good.NEITHER:
        return "change"
    better = (ratio > 0) == (good is Good.UP)
    return "change better" if better else "change worse"


def change(ratio: float | None, good: Good, unit: Unit = Unit.COUNT) -> html.Span:
    """A change with its sign and colour; 'n/a' where there is no base; percentages in points."""
    return html.Span(fmt.signed_change(unit, ratio), className=change_class(ratio, good))


def choice(ctx: Context, label: str, options: Sequence[tuple[str, str, bool]]) -> html.Nav:
    """A row of links of which one is current: (text, href, current)."""
    return html.Nav(
        [
            html.A(text, href=href, **attributes(aria_current="true" if current else None))
            for text, href, current in options
        ],
        className="choice",
        **attributes(aria_label=label),
    )


def nothing_sold(frame: pl.DataFrame) -> bool:
    """A trend or breakdown without a row of the period itself."""
    return frame.filter(pl.col("period") == "now").is_empty()


def empty_selection(ctx: Context) -> html.Div:
    """Nothing matches the filters, which is not the same as nothing loaded."""
    clear = html.A(ctx.t("empty.clear"), href=ctx.href(ctx.state.cleared()))
    return message(
        ctx.t("empty.title"),
        ctx.t("empty.words", days=ctx.days(ctx.period)),
        remedy=clear if ctx.state.filters else None,
    )
