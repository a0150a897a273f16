"""The category tree as areas: size is the figure, tint its change; a click goes one level down."""

from collections.abc import Mapping
from dataclasses import dataclass

import squarify

from dashboard import html
from dashboard.components.parts import attributes, change_class
from dashboard.components.ranking import Ranks
from dashboard.context import Context
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Good

WIDTH, HEIGHT = 1000.0, 420.0
SMALLEST = 0.004
"""Areas of a smaller share are one, 'other'."""


@dataclass(frozen=True)
class Area:
    """One category at the level shown, with all below it; ``category`` None: those without one."""

    category: int | None
    now: float
    base: float | None


def areas(ctx: Context, of: Ranks, *, below: int | None) -> list[Area]:
    """Leaf figures rolled up to the children of ``below`` (None: to the root categories)."""
    now = _rolled(ctx, of.now, below)
    base = _rolled(ctx, of.base, below) if ctx.comparable else {}
    found = [
        Area(key, value, base.get(key) if ctx.comparable else None) for key, value in now.items()
    ]
    return sorted(found, key=lambda area: (-area.now, str(area.category)))


def _rolled(
    ctx: Context, leaves: Mapping[int | None, float], below: int | None
) -> dict[int | None, float]:
    found: dict[int | None, float] = {}
    for leaf, value in leaves.items():
        key = _ancestor(ctx, leaf, below)
        found[key] = found.get(key, 0.0) + value
    return found


def _ancestor(ctx: Context, leaf: int | None, below: int | None) -> int | None:
    """The category of the level shown that ``leaf`` lies in."""
    category = leaf
    while category is not None and category in ctx.names.categories:
        known = ctx.names.categories[category]
        top = known.root == category or known.parent is None
        if category == below or known.parent == below or (below is None and top):
            return category
        category = known.parent
    return leaf


def treemap(ctx: Context, found: list[Area]) -> html.Div:
    """Areas of what is above zero, largest first, each a link that filters by its category."""
    drawn = [area for area in found if area.now > 0]
    total = sum(area.now for area in drawn)
    large = [area for area in drawn if area.now >= total * SMALLEST]
    rest = sum(area.now for area in drawn) - sum(area.now for area in large)
    sizes = [area.now for area in large] + ([rest] if rest > 0 else [])
    boxes = squarify.squarify(squarify.normalize_sizes(sizes, WIDTH, HEIGHT), 0, 0, WIDTH, HEIGHT)
    tiles: list[html.A | html.Span] = [
        _area(ctx, area, box, total) for area, box in zip(large, boxes, strict=False)
    ]
    if rest > 0:
        words = ctx.t("rank.other", count=len(drawn) - len(large))
        tiles.append(html.Span(style=_look(boxes[-1]), className="area", title=words))
    return html.Div(tiles, className="treemap")


def _area(ctx: Context, area: Area, box: Mapping[str, float], total: float) -> html.A:
    known = None if area.category is None else ctx.names.categories.get(area.category)
    name = known.name if known else ctx.label("category", area.category)
    ratio = fmt.change(area.now, area.base)
    share = fmt.percent(area.now / total)
    told = fmt.signed_percent(ratio) if ctx.base else ""
    words = f"{name}: {fmt.money(area.now, ctx.currency)}, {share}" + (told and f", {told}")
    state = ctx.state
    if area.category is not None:
        state = state.with_(category=(area.category,))
    sort = change_class(ratio, Good.UP).replace("change", "area")
    roomy = "" if box["dx"] > 90 and box["dy"] > 44 else " tight"
    strength = min(1.0, abs(ratio or 0) / 0.3)
    return html.A(
        [
            html.Span(name, className="area-name"),
            html.Span(fmt.money_short(area.now, ctx.currency), className="area-value"),
            html.Span([html.Span(share), told], className="area-share"),
        ],
        href=ctx.href(state),
        className=sort + roomy,
        title=words,
        style=_look(box, f"{round(6 + 16 * strength)}%"),
        **attributes(aria_label=words),
    )


def _look(box: Mapping[str, float], tint: str = "0%") -> dict[str, str]:
    return {
        "left": f"{100 * box['x'] / WIDTH:.3f}%",
        "top": f"{100 * box['y'] / HEIGHT:.3f}%",
        "width": f"{100 * box['dx'] / WIDTH:.3f}%",
        "height": f"{100 * box['dy'] / HEIGHT:.3f}%",
        "--tint": tint,
    }
