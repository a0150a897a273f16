"""The filter controls: the bar in sight, the drawer with all of them, the chips of what is set."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc

from dashboard import html
from dashboard.components.parts import attributes, icon
from dashboard.context import Context
from dashboard.data.dimensions import Dimensions
from dashboard.i18n import Texts
from dashboard.state import DEFAULTS, SOURCES, State
from nkdash.kpis.model import TaxBasis
from nkdash.kpis.periods import Comparison, Period, Preset
from nkdash.kpis.selection import ALL_FILTERS

PICKED = ("store", "category", "brand", "principal", "vendor", "cashier", "method", "source")
"""Filters with a control; product and customer are set by a click."""


def _id(key: str, place: str) -> dict[str, str]:
    return {"type": "filter", "key": key, "place": place}


def bar(t: Texts) -> html.Div:
    """Range, dates, comparison and the button of the drawer; on a phone one line."""
    return html.Div(
        [
            html.Div(
                [_preset(t, "bar"), _dates(t, "bar"), _compare(t, "bar")],
                className="bar-controls",
            ),
            html.Button(
                [
                    icon("adjustments-horizontal"),
                    html.Span(t("filter.button"), className="wide-only"),
                    html.Span(id="filter-summary", className="phone-only summary"),
                    html.Span(id="filter-count", className="badge"),
                ],
                type="button",
                className="filter-button",
                title=t("filter.open"),
                **attributes(data_action="filters"),
            ),
            html.Div(id="chips", className="chips"),
        ],
        className="filter-bar",
        role="search",
        **attributes(aria_label=t("filter.button")),
    )


def drawer(t: Texts) -> dmc.Drawer:
    """Every filter; on a phone range and comparison too."""
    return dmc.Drawer(
        html.Div(
            [
                html.Div(
                    [_preset(t, "drawer"), _dates(t, "drawer"), _compare(t, "drawer")],
                    className="phone-only stack",
                ),
                html.Div(
                    dmc.Select(
                        id=_id("company", "drawer"),
                        label=t("filter.company"),
                        data=[],
                        allowDeselect=False,
                    ),
                    id="company-control",
                    hidden=True,
                ),
                *(
                    dmc.MultiSelect(
                        id=_id(key, "drawer"),
                        label=t(f"filter.{key}"),
                        placeholder=t(f"filter.{key}.all"),
                        data=[],
                        searchable=True,
                        clearable=True,
                        nothingFoundMessage=t("filter.nothing"),
                        limit=100,
                    )
                    for key in PICKED
                ),
                html.Div(
                    [
                        html.Label(t("filter.tax"), className="mantine-InputWrapper-label"),
                        dmc.SegmentedControl(
                            id=_id("tax", "drawer"),
                            data=[{"value": b, "label": t(f"tax.{b}")} for b in TaxBasis],
                            value=TaxBasis.IN,
                            fullWidth=True,
                        ),
                    ]
                ),
            ],
            className="stack",
        ),
        id="filters",
        title=t("filter.button"),
        position="right",
        size="sm",
        closeButtonProps={"aria-label": t("close")},
        keepMounted=False,
    )


def _preset(t: Texts, place: str) -> dmc.Select:
    return dmc.Select(
        id=_id("range", place),
        data=[{"value": p, "label": t(f"range.{p}")} for p in Preset],
        value=Preset.DAYS_30,
        allowDeselect=False,
        checkIconPosition="right",
        maxDropdownHeight=400,
        w=168 if place == "bar" else None,
        **{"aria-label": t("range.label")},
    )


def _dates(t: Texts, place: str) -> dmc.DatePickerInput:
    return dmc.DatePickerInput(
        id=_id("dates", place),
        type="range",
        valueFormat="D MMM YYYY",
        allowSingleDateInRange=True,
        firstDayOfWeek=1,
        # Mantine paints weekends red, and red means worse here.
        weekendDays=[],
        value=[None, None],
        popoverProps={"withRoles": False},
        ariaLabels={
            "previousMonth": t("dates.earlier"),
            "nextMonth": t("dates.later"),
            "previousYear": t("dates.earlier"),
            "nextYear": t("dates.later"),
            "previousDecade": t("dates.earlier"),
            "nextDecade": t("dates.later"),
            "monthLevelControl": t("dates.months"),
            "yearLevelControl": t("dates.years"),
        },
        w=228 if place == "bar" else None,
    )


def _compare(t: Texts, place: str) -> dmc.Select:
    return dmc.Select(
        id=_id("compare", place),
        data=[{"value": c, "label": t(f"compare.{c}")} for c in Comparison],
        value=Comparison.PREVIOUS,
        allowDeselect=False,
        checkIconPosition="right",
        w=216 if place == "bar" else None,
        **{"aria-label": t("compare.label")},
    )


def control_value(
    key: str, state: State, period: Period, company: int | None, usual_tax: TaxBasis
) -> Any:
    """What the control of ``key`` shows for a state; see ``resolved``."""
    match key:
        case "range":
            return state.preset
        case "dates":
            return [str(period.first), str(period.last)]
        case "compare":
            return state.compare
        case "tax":
            return state.tax or usual_tax
        case "company":
            return "" if company is None else str(company)
        case _:
            return [str(i) for i in getattr(state, key)]


def resolved(
    state: State, period: Period, company: int | None, usual_tax: TaxBasis
) -> dict[str, Any]:
    """What the browser needs to tell a reader's change of a control from the server's.

    ``company`` is the one shown; where the URL names none it is the default. ``usual_tax`` is the
    page's.
    """
    shown = "" if company is None else str(company)
    values = {key: ",".join(map(str, getattr(state, key))) for key in ALL_FILTERS}
    values |= {
        "range": state.preset,
        "compare": state.compare,
        "tax": state.tax or usual_tax,
        "company": shown,
    }
    return {
        "values": values,
        "defaults": {
            **DEFAULTS,
            "company": shown if state.company is None else "",
            "tax": usual_tax,
        },
        "dates": [str(period.first), str(period.last)],
    }


def options(t: Texts, names: Dimensions, key: str) -> list[dict[str, str]]:
    """What a control offers; stores, cashiers and methods only where they occur in the data."""
    if key == "source":
        return [{"value": name, "label": t(f"source.{name}")} for name in sorted(SOURCES)]
    sold = names.sold.get(key)
    return [
        {"value": str(record), "label": name}
        for record, name in names.names[key].items()
        if sold is None or record in sold
    ]


def company_options(t: Texts, names: Dimensions) -> list[dict[str, str]]:
    """The companies, where there are several; 'all' only where they share a currency, since
    currencies are not added.
    """
    if len(names.companies) < 2:
        return []
    one_currency = names.default_company is None
    every = [{"value": "", "label": t("filter.company.all")}] if one_currency else []
    return every + [
        {"value": str(i), "label": f"{c.name} ({c.currency.code})"}
        for i, c in names.companies.items()
    ]


def chips(ctx: Context, applied: Sequence[str]) -> list[html.A]:
    """A link for each filter that is set, which takes it out; quiet where the page ignores it."""
    state = ctx.state
    found = []
    if state.company is not None:
        name = ctx.names.companies[state.company].name
        found.append(_chip(ctx, ctx.t("filter.company"), name, state.with_(company=None)))
    for key, ids in state.filters.items():
        found += [
            _chip(
                ctx,
                ctx.t(f"filter.{key}"),
                ctx.label(key, i),
                state.toggled(key, i),
                applied=key in applied,
            )
            for i in ids
        ]
    if ctx.tax is not ctx.usual_tax:
        basis = state.with_(tax=None)
        found.append(_chip(ctx, ctx.t("filter.tax"), ctx.t(f"tax.{ctx.tax}"), basis))
    return found


def _chip(ctx: Context, kind: str, name: str, without: State, *, applied: bool = True) -> html.A:
    words = ctx.t("filter.remove", what=f"{kind}: {name}")
    return html.A(
        [html.Span(kind, className="chip-kind"), html.Span(name, className="chip-name"), icon("x")],
        href=ctx.href(without),
        className="chip" if applied else "chip idle",
        title=words if applied else f"{ctx.t('filter.idle')} {words}",
    )
