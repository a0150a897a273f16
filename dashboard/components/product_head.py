"""What a product is: name, numbers, where it is filed, what it is sold for."""

from collections.abc import Mapping
from typing import Any

from dashboard import html
from dashboard.components.parts import attributes
from dashboard.context import Context
from dashboard.links import odoo_link
from nkdash.kpis import format as fmt


def product_head(ctx: Context, product: Mapping[str, Any], vendor: int | None) -> html.Section:
    """From a row of the product's identity, and the vendor of its newest bill."""
    name = product["name"] or ctx.label("product", product["product_id"])
    marks = [] if product["active"] else [html.Span(ctx.t("product.archived"), className="mark")]
    facts = [
        ("sku", product["sku"]),
        ("barcode", product["barcode"]),
        ("category", _filter(ctx, "category", product["category_id"], product["category_path"])),
        ("brand", _filter(ctx, "brand", product["brand_id"], product["brand"])),
        ("principal", _filter(ctx, "principal", product["principal_id"], product["principal"])),
        ("vendor", vendor and _filter(ctx, "vendor", vendor, ctx.label("vendor", vendor))),
        ("list_price", fmt.money(product["list_price"], ctx.currency)),
        ("uom", product["uom"]),
        ("first_sold", product["first_sold"] and ctx.day(product["first_sold"])),
        ("last_sold", product["last_sold"] and ctx.day(product["last_sold"])),
    ]
    return html.Section(
        [
            html.Header(
                [
                    html.H2([name, *marks]),
                    odoo_link(ctx, "product.product", product["product_id"], ctx.t("odoo.open")),
                ]
            ),
            html.Dl(
                [
                    html.Div([html.Dt(ctx.t(f"product.{key}")), html.Dd(value)])
                    for key, value in facts
                    if value
                ]
            ),
        ],
        className="card product-head",
        **attributes(aria_label=name),
    )


def _filter(ctx: Context, kind: str, record: int | None, words: str | None) -> Any:
    """The other products of a brand, category, …"""
    if record is None:
        return None
    state = ctx.state.with_(
        product=(), category=(), brand=(), principal=(), vendor=(), tab="", sort="", metric=""
    )
    text = (words or f"#{record}").removeprefix("All / ")
    return html.A(text, href=ctx.href(state.with_(**{kind: (record,)}), "/products"))
