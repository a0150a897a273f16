"""One level of the category tree as a ranked list: a click goes a level down, the path above up."""

from dashboard import html
from dashboard.components.parts import attributes, card
from dashboard.components.ranking import Ranks, ranking
from dashboard.components.treemap import areas
from dashboard.context import Context


def category_card(ctx: Context, of: Ranks, *, explain: str) -> html.Section:
    """From figures by leaf category: the level below the one category that is chosen, else the
    root categories.
    """
    below = ctx.state.category[0] if len(ctx.state.category) == 1 else None
    found = areas(ctx, of, below=below)
    level = Ranks(
        {area.category: area.now for area in found},
        {area.category: area.base for area in found if area.base is not None},
    )

    def label(category: int | None) -> str:
        known = ctx.names.categories.get(category) if category is not None else None
        if known is None:
            return ctx.label("category", category)
        return ctx.t("tree.itself", name=known.name) if category == below else known.name

    return card(
        ctx,
        ctx.t("card.category"),
        [
            _path(ctx, below),
            ranking(
                ctx,
                "category",
                level,
                label=label,
                href=lambda category: ctx.href(ctx.state.with_(category=(category,))),
            ),
        ],
        hint=ctx.t("tree.hint"),
        explain=explain,
    )


def _path(ctx: Context, category: int | None) -> html.Nav:
    """From all categories down to the chosen one; each leads to its level."""
    chain: list[int] = []
    while category is not None and category in ctx.names.categories:
        chain.insert(0, category)
        known = ctx.names.categories[category]
        category = None if known.root == category else known.parent
    steps = [html.A(ctx.t("tree.all"), href=ctx.href(ctx.state.with_(category=())))]
    for step in chain[:-1]:
        name = ctx.names.categories[step].name
        steps.append(html.A(name, href=ctx.href(ctx.state.with_(category=(step,)))))
    here = [html.Span(ctx.names.categories[i].name) for i in chain[-1:]]
    return html.Nav(
        [*steps, *here] if chain else [],
        className="tree-path",
        **attributes(aria_label=ctx.t("tree.path")),
    )
