"""KPI tiles: the number, its change against the base, a sparkline."""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from dashboard import html
from dashboard.charts import sparkline
from dashboard.components.parts import attributes, change, explain_button
from dashboard.context import Context
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Basis, Kpi, Unit
from nkdash.kpis.registry import family_of
from nkdash.kpis.registry import kpi as kpi_of

Row = Mapping[str, fmt.Number | None]


def totals(frame: pl.DataFrame) -> tuple[Row, Row]:
    """The KPIs of the whole period and of the base, from a trend; empty where there are none."""
    found = {r["period"]: r for r in frame.filter(pl.col("is_total")).to_dicts()}
    return found.get("now", {}), found.get("base", {})


def tiles(ctx: Context, names: Sequence[str], frame: pl.DataFrame, chosen: str | None) -> html.Div:
    """A tile for each KPI of a trend; the chosen one is the chart's metric. None where there is no
    chart; nor can it be one of what is known for the end of a range only.
    """
    now, base = totals(frame)
    line = {
        row["bucket"]: row
        for row in frame.to_dicts()
        if row["period"] == "now" and not row["is_total"]
    }
    return html.Div(
        [
            _tile(
                ctx,
                kpi_of(name),
                _known_zero(kpi_of(name), now),
                base.get(name) if ctx.comparable else None,
                _line(ctx, kpi_of(name), line),
                None if chosen is None else name == chosen,
            )
            for name in names
        ],
        className="tiles",
    )


def _line(ctx: Context, kpi: Kpi, rows: Mapping[date, Row]) -> list[float | None]:
    """The sparkline's values, of rows by bucket; a loaded bucket without a row is a zero where
    figures add up.
    """
    if all(row[kpi.name] is None for row in rows.values()):
        # What is known for the end of a range only.
        return []
    if not rows.keys() <= {bucket.first for bucket in ctx.buckets}:
        values = [row[kpi.name] for row in rows.values()]
    else:
        values = [
            rows[bucket.first][kpi.name]
            if bucket.first in rows
            else (0 if loaded and kpi.additive else None)
            for bucket, loaded in ctx.buckets.items()
        ]
    return [None if value is None else float(value) for value in values]


def _known_zero(kpi: Kpi, now: Row) -> fmt.Number | None:
    # The days are loaded, so a sum over no rows is a true zero; of rows it may be unknown (a cost).
    return 0 if not now and kpi.additive else now.get(kpi.name)


def _tile(
    ctx: Context,
    kpi: Kpi,
    value: fmt.Number | None,
    base: fmt.Number | None,
    line: Sequence[float | None],
    chosen: bool | None,
) -> html.Div:
    title = ctx.t(f"kpi.{kpi.name}.title")
    tax = tax_words(ctx, kpi)
    return html.Div(
        [
            html.Div(
                [
                    html.Span(title, className="tile-title")
                    if chosen is None or family_of(kpi.name).trend is None
                    else html.A(
                        title,
                        href=ctx.href(ctx.state.with_(metric=kpi.name)),
                        className="tile-title",
                        **attributes(aria_current="true" if chosen else None),
                    ),
                    explain_button(ctx.texts, f"kpi:{kpi.name}", title),
                ],
                className="tile-head",
            ),
            html.Div(_figure(ctx, kpi, value), className="tile-value"),
            html.Div(_against(ctx, kpi, value, base), className="tile-change"),
            _spark(line),
        ],
        className="tile",
        title=f"{title}, {tax}" if tax else title,
        **attributes(data_kpi=kpi.name),
    )


def _spark(line: Sequence[float | None]) -> html.Div:
    drawn = sparkline(line)
    # Without a line the place stays, so that tiles of a row are equally high.
    return html.Div(
        html.Div(className="spark-line", style={"maskImage": drawn}) if drawn else None,
        className="spark",
    )


def _figure(ctx: Context, kpi: Kpi, value: fmt.Number | None) -> list[html.Span]:
    if kpi.unit is not Unit.MONEY:
        return [html.Span(ctx.value(kpi, value))]
    return [
        html.Span(ctx.value(kpi, value), className="full"),
        html.Span(
            ctx.value(kpi, value, short=True), className="short", **attributes(aria_hidden="true")
        ),
    ]


def _against(
    ctx: Context, kpi: Kpi, value: fmt.Number | None, base: fmt.Number | None
) -> list[html.Span]:
    if ctx.base is None:
        return []
    ratio = fmt.change_of(kpi.unit, value, base)
    if ratio is None:
        why = "compare.no_base" if ctx.comparable else "compare.not_loaded"
        return [html.Span(f"n/a · {ctx.t(why)}", className="base")]
    was = ctx.t("compare.was", value=ctx.value(kpi, base, short=kpi.unit is Unit.MONEY))
    return [change(ratio, kpi.good, kpi.unit), html.Span(was, className="base")]


def tax_words(ctx: Context, kpi: Kpi) -> str:
    """'with tax' or 'without tax' where the KPI is money."""
    match kpi.basis:
        case Basis.CHOSEN:
            return ctx.t(f"tax.{ctx.tax}")
        case Basis.TAX_IN:
            return ctx.t("tax.in")
        case Basis.TAX_EX:
            return ctx.t("tax.ex")
        case Basis.NONE:
            return ""
