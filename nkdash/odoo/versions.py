"""What differs between Odoo 14 and 19, in one place.

Differences are told by what an Odoo has (``fields_get``), not by its number, so that the versions
between two releases and back-ported modules need no case of their own. NKDash speaks the newest
names; the older ones are here.
"""

from collections.abc import Collection

import polars as pl

Domain = tuple[object, ...]

_MODELS: dict[str, tuple[str, ...]] = {
    "stock.lot": ("stock.production.lot",),  # up to 15
}

_FIELDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("stock.move.line", "quantity"): ("qty_done",),  # up to 16
}


def model_names(model: str) -> tuple[str, ...]:
    """The names that ``model`` has or had, newest first."""
    return (model, *_MODELS.get(model, ()))


def field_names(model: str, field: str) -> tuple[str, ...]:
    """The names that ``field`` of ``model`` has or had, newest first."""
    return (field, *_FIELDS.get((model, field), ()))


def invoice_product_lines(known: Collection[str]) -> Domain:
    """What tells product lines of an account.move.line with the fields ``known`` from the others.

    From 16 on they have a display type of their own; before, they are those that are shown in the
    invoice's table and are neither a section nor a note.
    """
    if "exclude_from_invoice_tab" not in known:
        return (("display_type", "=", "product"),)
    return (
        ("display_type", "not in", ["line_section", "line_note"]),
        ("exclude_from_invoice_tab", "!=", True),
    )


def uom_ratio() -> pl.Expr:
    """Reference units in one unit, from a uom.uom's ``factor`` and ``relative_factor``.

    A reference quantity is qty x factor where relative_factor exists (19), else qty / factor.
    Null where the factor is 0 or less.
    """
    factor = pl.when(pl.col("factor") > 0).then(pl.col("factor"))
    return pl.when(pl.col("relative_factor").is_not_null()).then(factor).otherwise(1 / factor)


def tax_included() -> pl.Expr:
    """Whether an account.tax is part of the price.

    Up to 17 ``price_include`` is stored; from 18 on it follows ``price_include_override``, and
    where that is empty ``company_id.account_price_include``.
    """
    chosen = pl.coalesce("price_include_override", "company_id.account_price_include")
    return pl.coalesce("price_include", chosen == "tax_included", pl.lit(False))
