"""What is known of Odoo's models beyond their records: fields, orders, names, relations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

DTYPES: dict[str, pl.DataType] = {
    "integer": pl.Int64(),
    "many2one": pl.Int64(),
    "many2one_reference": pl.Int64(),
    "float": pl.Float64(),
    "monetary": pl.Float64(),
    "boolean": pl.Boolean(),
    "char": pl.String(),
    "text": pl.String(),
    "html": pl.String(),
    "selection": pl.String(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
    "one2many": pl.List(pl.Int64),
    "many2many": pl.List(pl.Int64),
}
"""Column type of each kind of field that is held as a column; other kinds are answered empty."""

SUMMED = ("integer", "float", "monetary")


@dataclass(frozen=True, slots=True)
class Field:
    """One field, as ``fields_get`` describes it."""

    name: str
    type: str
    relation: str | None
    store: bool
    company_dependent: bool
    attributes: Mapping[str, Any]

    @property
    def dtype(self) -> pl.DataType:
        """The polars type of its column (text for kinds that are never held)."""
        return DTYPES.get(self.type, pl.String())

    @property
    def is_x2many(self) -> bool:
        return self.type in ("one2many", "many2many")


def read_fields(description: Mapping[str, Mapping[str, Any]]) -> dict[str, Field]:
    """The fields of one model out of its ``fields_get`` answer."""
    if "has_message" in description:
        # Recordings leave the mail fields out; the web client asks for this one.
        messages = {"type": "one2many", "relation": "mail.message", "store": True}
        description = {"website_message_ids": messages, **description}
    return {
        name: Field(
            name=name,
            type=attributes["type"],
            relation=attributes.get("relation"),
            store=bool(attributes.get("store")),
            company_dependent=bool(attributes.get("company_dependent")),
            attributes=attributes,
        )
        for name, attributes in description.items()
    }


ORDERS: dict[str, str] = {
    "account.journal": "sequence, type, code",
    "account.move": "date desc, name desc, invoice_date desc, id desc",
    "account.move.line": "date desc, move_name desc, id",
    "account.tax": "sequence, id",
    "hr.employee": "name",
    "pos.order": "date_order desc, name desc, id desc",
    "pos.payment": "id desc",
    "pos.payment.method": "sequence, id",
    "pos.session": "id desc",
    "product.category": "complete_name",
    "product.product": "default_code, name, id",
    "product.template": "priority desc, name",
    "purchase.order": "priority desc, id desc",
    "purchase.order.line": "order_id, sequence, id",
    "res.company": "sequence, name",
    "res.currency": "active desc, name",
    "res.currency.rate": "name desc, id",
    "res.partner": "complete_name, id desc",
    "res.users": "name, login",
    "sale.order": "date_order desc, id desc",
    "sale.order.line": "order_id, sequence, id",
    "stock.location": "complete_name, id",
    "stock.lot": "name, id",
    "stock.move": "sequence, id",
    "stock.move.line": "result_package_id desc, id",
    "stock.picking": "priority desc, scheduled_date, id desc",
    "stock.picking.type": "sequence, id",
    "stock.scrap": "id desc",
    "stock.warehouse": "sequence, id",
    "uom.category": "id",
    "uom.uom": "factor desc, id",
}
"""``_order`` of each model: what a search without ``order`` follows; by id where not named."""

NAME_FIELDS = ("complete_name", "name", "x_name")
"""Where a display name comes from, first field that the model has."""

NAME_PATHS: dict[str, str] = {
    "pos.order.line": "product_id.display_name",
    "stock.move.line": "product_id.display_name",
    "stock.quant": "location_id.display_name",
}
"""Models whose records are called by another record's name."""

CODED_NAMES = ("product.product", "product.template")
"""Models shown as ``[code] name``."""

INHERITS: dict[str, str] = {"product.product": "product_tmpl_id", "res.users": "partner_id"}
"""``_inherits``: fields that a model lacks are its parent's."""

PARENTS: dict[str, str] = {"stock.location": "location_id"}
"""Fields that make a tree, where it is not ``parent_id``."""

RELATED: dict[str, dict[str, str]] = {
    "pos.order": {
        "session_move_id": "session_id.move_id",
        "picking_type_id": "config_id.picking_type_id",
        "country_code": "company_id.account_fiscal_country_id.code",
        "currency_id": "company_id.currency_id",
    },
    "pos.order.line": {
        "currency_id": "order_id.currency_id",
        "product_uom_id": "product_id.uom_id",
        "tax_ids_after_fiscal_position": "tax_ids",
    },
    "pos.payment": {
        "currency_id": "pos_order_id.currency_id",
        "currency_rate": "pos_order_id.currency_rate",
        "partner_id": "pos_order_id.partner_id",
        "session_id": "pos_order_id.session_id",
    },
    "pos.session": {
        "company_id": "config_id.company_id",
        "currency_id": "config_id.currency_id",
        "payment_method_ids": "config_id.payment_method_ids",
    },
    "pos.config": {"currency_id": "company_id.currency_id"},
    "product.product": {"partner_ref": "display_name", "code": "default_code"},
    "account.move": {"company_currency_id": "company_id.currency_id"},
    "account.tax": {"company_price_include": "company_id.account_price_include"},
    "account.move.line": {"company_currency_id": "company_id.currency_id"},
    "stock.quant": {"product_categ_id": "product_id.categ_id"},
    "stock.move.line": {
        "location_usage": "location_id.usage",
        "location_dest_usage": "location_dest_id.usage",
        "picking_code": "picking_id.picking_type_id.code",
        "picking_type_id": "picking_id.picking_type_id",
        "picking_partner_id": "picking_id.partner_id",
        "product_category_name": "product_id.categ_id.complete_name",
        "is_inventory": "move_id.is_inventory",
        "origin": "move_id.origin",
        "tracking": "product_id.tracking",
    },
}
"""Fields that Odoo does not store but reads through a path; they can be searched too."""

INVERSES: dict[str, dict[str, str | None]] = {
    "account.move": {"reversal_move_id": "reversed_entry_id", "invoice_line_ids": None},
    "hr.employee": {"child_ids": "parent_id"},
    "pos.order.line": {
        "combo_line_ids": "combo_parent_id",
        "refund_orderline_ids": "refunded_orderline_id",
    },
    "res.partner": {"child_ids": "parent_id", "invoice_ids": "partner_id"},
    "res.users": {"employee_ids": "user_id", "pos_order_ids": "user_id"},
}
"""Inverse many2one of a one2many, where the models leave a choice; None: not all of the inverse,
so that the list is kept as it was recorded."""

COMPOSED: dict[str, tuple[tuple[str, str], ...]] = {
    "pos.order": (("pos.order.line", "order_id"), ("pos.payment", "pos_order_id")),
    "account.move": (("account.move.line", "move_id"),),
}
"""Records that are deleted with their owner: (model, many2one to the owner)."""

TITLES: dict[str, str] = {
    "account.move": "Journal Entry",
    "account.move.line": "Journal Item",
    "pos.order": "Point of Sale Orders",
    "pos.order.line": "Point of Sale Order Lines",
    "pos.payment": "Point of Sale Payments",
    "product.product": "Product Variant",
    "purchase.order": "Purchase Order",
    "purchase.order.line": "Purchase Order Line",
    "res.partner": "Contact",
    "stock.valuation.layer": "Stock Valuation Layer",
}

PURCHASE_GROUPS = (
    "Inventory/User",
    "Invoicing/Billing",
    "Purchase/Administrator",
    "Purchase/User",
    "Technical/Show Accounting Features - Readonly",
    "User types/Portal",
)

CASHIER_DENIED: dict[str, tuple[str, ...]] = {
    "purchase.order": PURCHASE_GROUPS,
    "purchase.order.line": PURCHASE_GROUPS,
    "stock.valuation.layer": ("Inventory/Administrator",),
}
"""What a cashier may not read, and the groups that may."""
