"""Figures as plain dicts. Colours and fonts come from the template the browser puts under them;
a colour named ``token:accent`` is looked up in the scheme there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any
from urllib.parse import quote

Figure = dict[str, Any]
Values = Sequence[float | None]

BARS_UP_TO = 14
TICKS = 6


@dataclass(frozen=True)
class Point:
    """One bucket of a trend: its label on the axis, hover text, and where a click leads."""

    label: str
    hover: str
    href: str
    value: float | None
    base: float | None


def trend(
    points: Sequence[Point], write: Callable[[float], str], compared: bool, least: float
) -> Figure:
    """A line (few points: bars) of ``value``, with ``base`` behind it in grey. ``least`` is the
    least difference that ``write`` tells apart: ticks lie no closer.
    """
    positions = list(range(len(points)))
    values = [p.value for p in points]
    bases = [p.base for p in points] if compared else []
    shared: dict[str, Any] = {
        "x": positions,
        "y": values,
        "customdata": [p.href for p in points],
        "text": [p.hover for p in points],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
    }
    behind: dict[str, Any] = {"x": positions, "y": bases, "hoverinfo": "skip"}
    if len(points) <= BARS_UP_TO:
        data = [{**shared, "type": "bar", "marker": {"color": "token:accent"}}]
        if compared:
            data.insert(0, {**behind, "type": "bar", "marker": {"color": "token:line-strong"}})
    else:
        line = {"type": "scatter", "mode": "lines"}
        data = [
            {
                **shared,
                **line,
                "line": {"color": "token:accent", "width": 2},
                "fill": "tozeroy",
                "fillcolor": "token:accent-fill",
            }
        ]
        if compared:
            grey = {"color": "token:faint", "width": 1.25, "dash": "dot"}
            data.insert(0, {**behind, **line, "line": grey})
    low, high, ticks = _range([*values, *bases], least)
    step = max(1, -(-len(points) // TICKS))
    shown = positions[:: step if len(points) > TICKS else 1]
    return {
        "data": data,
        "layout": {
            "xaxis": {
                "tickmode": "array",
                "tickvals": shown,
                "ticktext": [points[i].label for i in shown],
                "range": [-0.5, len(points) - 0.5]
                if len(points) <= BARS_UP_TO
                else [-0.2, len(points) - 0.8],
            },
            "yaxis": {
                "tickmode": "array",
                "tickvals": ticks,
                "ticktext": [write(tick) for tick in ticks],
                "range": [low, high],
            },
        },
    }


def _range(values: Values, least: float) -> tuple[float, float, list[float]]:
    """Lowest and highest of the axis, and its ticks; a little air above the highest value."""
    known = [v for v in values if v is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    ticks = nice_ticks(low, high, least)
    air = (high - low) * 0.06 or 1.0
    return low - air if low < 0 else 0.0, high + air, [t for t in ticks if low <= t <= high + air]


def pareto(
    curve: Sequence[tuple[float, float, str]], bounds: Sequence[tuple[str, float, float]]
) -> Figure:
    """What share of all (0 to 1) the first share of the products have. ``curve``: share of the
    products, of all, hover text; ``bounds``: each class with the shares where it begins and ends.
    """
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    axis = {"tickmode": "array", "tickvals": ticks, "ticktext": [f"{t:.0%}" for t in ticks]}
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [0.0, *(x for x, _, _ in curve)],
        "y": [0.0, *(y for _, y, _ in curve)],
        "text": ["", *(words for _, _, words in curve)],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": "token:accent", "width": 2},
        "fill": "tozeroy",
        "fillcolor": "token:accent-fill",
    }
    limits = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [end, end],
            "y": [0.0, 1.0],
            "hoverinfo": "skip",
            "line": {"color": "token:line-strong", "width": 1, "dash": "dot"},
        }
        for _, _, end in bounds
        if end < 1
    ]
    names = {
        "type": "scatter",
        "mode": "text",
        "x": [(begin + end) / 2 for _, begin, end in bounds],
        "y": [0.07] * len(bounds),
        "text": [f"<b>{name}</b>" for name, _, _ in bounds],
        "textfont": {"color": "token:muted", "size": 13},
        "hoverinfo": "skip",
    }
    return {
        "data": [line, *limits, names],
        "layout": {
            "xaxis": {**axis, "range": [0, 1.02]},
            "yaxis": {**axis, "range": [0, 1.04]},
        },
    }


def nice_ticks(low: float, high: float, least: float = 0.0, about: int = 4) -> list[float]:
    """Round numbers (1, 2, 2.5 or 5 times a power of ten, and of ``least``) from ``low`` or below
    to ``high`` or above; ``low`` <= 0 <= ``high``.
    """
    span = high - low
    if span < 1e-9:
        return [0.0, 1.0]
    rough = max(span / about, least)
    power = 10.0 ** floor(log10(rough) + 1e-9)
    # 2.5 is no tick where only whole numbers are told apart.
    factors = (1, 2, 5, 10) if power < 10 * least * 0.999 else (1, 2, 2.5, 5, 10)
    step = next(m * power for m in factors if m * power >= rough * 0.999)
    first, last = floor(low / step + 1e-9), -floor(-high / step + 1e-9)
    return [round(n * step, 10) for n in range(int(first), int(last) + 1)]


def sparkline(values: Values) -> str:
    """An SVG line as a data URI, to be used as a CSS mask; empty with fewer than two points."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return ""
    high, low = max(known), min(known)
    span = high - low or 1.0
    parts: list[str] = []
    pen = "M"
    for position, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        x = 100 * position / (len(values) - 1)
        y = 22 - 20 * (value - low) / span
        parts.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 24" preserveAspectRatio="none">'
        f'<path d="{"".join(parts)}" fill="none" stroke="#000" stroke-width="1.5" '
        'stroke-linejoin="round" vector-effect="non-scaling-stroke"/></svg>'
    )
    return f'url("data:image/svg+xml,{quote(svg)}")'
