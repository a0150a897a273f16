"""Where other pages are reached from a record; range, comparison and filters stay."""

from typing import Any

from dashboard import html
from dashboard.components.parts import attributes, icon
from dashboard.context import Context
from dashboard.odoo import record_url
from nkdash.kpis.selection import SALES_FILTERS


def product_href(ctx: Context, product: int) -> str:
    """The page of one product; filters that only sales know stay behind, since it has stock too."""
    state = ctx.state.with_(
        product=(product,), tab="", sort="", metric="", **dict.fromkeys(SALES_FILTERS, ())
    )
    return ctx.href(state, "/product")


def odoo_link(ctx: Context, model: str, record: int | None, words: str) -> Any:
    """A link to a record in Odoo, in a tab of its own; only the words where there is none."""
    url = record_url(ctx.settings, model, record)
    if url is None:
        return words
    return html.A(
        [words, icon("external-link")],
        href=url,
        target="_blank",
        rel="noopener",
        className="odoo-link",
        title=ctx.t("odoo.open"),
        **attributes(aria_label=f"{words}: {ctx.t('odoo.open')}" if words else ctx.t("odoo.open")),
    )
