"""Why revenue changed: effects as bars to both sides of none, and the products that moved most."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dashboard import html
from dashboard.components.parts import attributes, change, change_class, explain_button
from dashboard.context import Context
from dashboard.links import product_href
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Good
from nkdash.kpis.price_mix import EFFECTS

OF_ONE = ("price_effect", "volume_effect", "mix_effect")
Row = Mapping[str, Any]


def effects_list(ctx: Context, totals: Row) -> html.Ol:
    """The effects that add up to the change, with the change itself as the last line.

    ``totals`` has revenue_change, the effects, revenue_now, and revenue_base, of which each is told
    as a part.
    """
    shown = [name for name in EFFECTS if name != "other_effect" or totals[name]]
    longest = max((abs(float(totals[name])) for name in shown), default=0.0) or 1.0
    rows = [_effect(ctx, name, totals, longest) for name in shown]
    return html.Ol([*rows, _effect(ctx, "revenue_change", totals, None)], className="effects")


def _effect(ctx: Context, name: str, totals: Row, longest: float | None) -> html.Li:
    value, base = float(totals[name]), float(totals["revenue_base"])
    title = ctx.t(f"kpi.{name}.title")
    return html.Li(
        [
            html.Span(
                [title, explain_button(ctx.texts, f"kpi:{name}", title)], className="effect-name"
            ),
            _bar(value, longest)
            if longest
            else html.Span(_from_to(ctx, totals, fmt.money), className="effect-ends"),
            html.Span(
                fmt.money_signed(value, ctx.currency),
                className="effect-value " + change_class(value, Good.UP).replace("change", ""),
                title=fmt.money(value, ctx.currency),
            ),
            html.Span(
                fmt.signed_percent(value / base) if base > 0 else "n/a", className="effect-share"
            ),
        ],
        className="effect whole" if longest is None else "effect",
        title=ctx.t(f"kpi.{name}.words"),
    )


def _bar(value: float, longest: float) -> html.Span:
    width = f"{50 * min(abs(value) / longest, 1):.1f}%"
    side = "better" if value >= 0 else "worse"
    return html.Span(
        html.Span(className=side, style={"width": width}),
        className="effect-bar",
        **attributes(aria_hidden="true"),
    )


def movers_list(ctx: Context, rows: Sequence[Row]) -> html.Ol:
    """Products with the change of their revenue and what made it; each leads to its page."""
    longest = max((abs(float(r["revenue_change"])) for r in rows), default=0.0) or 1.0
    return html.Ol([_mover(ctx, row, longest) for row in rows], className="ranking movers")


def _mover(ctx: Context, row: Row, longest: float) -> html.Li:
    moved = float(row["revenue_change"])
    ratio = fmt.change(row["revenue_now"], row["revenue_base"])
    side = "better" if moved >= 0 else "worse"
    return html.Li(
        html.A(
            [
                html.Span(row["name"], className="rank-label", title=row["name"]),
                html.Span(
                    ctx.t(f"standing.{row['standing']}")
                    if row["standing"] in ("new", "gone")
                    else change(ratio, Good.UP),
                    className="rank-share",
                ),
                html.Span(
                    fmt.money_signed(moved, ctx.currency),
                    className=f"rank-value change {side}",
                    title=fmt.money(moved, ctx.currency),
                ),
                html.Span(_parts(ctx, row), className="mover-parts"),
                html.Span(
                    html.Span(
                        className=side, style={"width": f"{abs(moved) / longest * 100:.1f}%"}
                    ),
                    className="rank-bar",
                    **attributes(aria_hidden="true"),
                ),
            ],
            href=product_href(ctx, row["product_id"]),
            className="rank-row",
        )
    )


def _parts(ctx: Context, row: Row) -> str:
    if row["standing"] != "kept":
        return _from_to(ctx, row, fmt.money_short)
    return " · ".join(
        f"{ctx.t(f'kpi.{name}.title')} {fmt.money_signed(float(row[name]), ctx.currency)}"
        for name in OF_ONE
    )


def _from_to(ctx: Context, row: Row, write: Callable[[Any, fmt.Currency], str]) -> str:
    base, now = (write(row[f"revenue_{period}"], ctx.currency) for period in ("base", "now"))
    return f"{base} → {now}"
