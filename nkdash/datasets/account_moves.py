"""What customer invoices and vendor bills share: their lines in Odoo, signs, currency and units.

Odoo holds credit notes and refunds positive and tells the direction by ``balance`` (company
currency, debit - credit). Here every amount and quantity is signed: what comes back is negative.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from nkdash.contracts import MONEY, PRICE, QUANTITY, Column, money, price, quantity
from nkdash.datasets.columns import COMPANY, DATE, identifier
from nkdash.datasets.line_taxes import rates_of_lines
from nkdash.datasets.spec import Field, Reconcile, Source
from nkdash.odoo import versions

FIELDS = (
    Field("id", pl.Int64(), "Line"),
    Field("move_id", pl.Int64(), "Document"),
    Field("name", pl.String(), "Text of the line"),
    Field("company_id", pl.Int64(), "Company"),
    Field("company_currency_id", pl.Int64(), "Currency of the company"),
    Field("currency_id", pl.Int64(), "Currency of the document"),
    Field("product_id", pl.Int64(), "Product; null for a free line"),
    Field("product_uom_id", pl.Int64(), "Unit of the quantity and the price"),
    Field("quantity", pl.Float64(), "Quantity in that unit, positive in refunds too"),
    Field("price_unit", pl.Float64(), "Unit price as keyed, document currency"),
    Field("discount", pl.Float64(), "Discount, percent"),
    Field("price_subtotal", pl.Float64(), "Total without tax, document currency, unsigned"),
    Field("price_total", pl.Float64(), "Total with tax less withholding, document currency"),
    Field("balance", pl.Float64(), "Debit - credit, company currency"),
    Field("tax_ids", pl.List(pl.Int64()), "Taxes"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
    Field("currency_id.name", pl.String(), "Code of the document's currency"),
    Field("move_id.name", pl.String(), "Number of the document"),
    Field("move_id.move_type", pl.String(), "Kind of document"),
    Field("move_id.state", pl.String(), "draft, posted, cancel"),
    Field("move_id.date", pl.Date(), "Accounting date"),
    Field("move_id.invoice_date", pl.Date(), "Date on the document"),
    Field("move_id.ref", pl.String(), "Reference"),
    Field("move_id.journal_id", pl.Int64(), "Journal"),
    Field("move_id.partner_id", pl.Int64(), "Customer or vendor"),
    Field("move_id.reversed_entry_id", pl.Int64(), "Document that this one takes back"),
    Field("move_id.write_date", pl.Datetime("us"), "Last change of the document, UTC"),
)
"""What is asked of account.move.line for both sides."""

COMMON = (
    DATE,
    identifier("line_id", "Document line", "account.move.line.id", nullable=False),
    identifier("move_id", "Document", "account.move.id", nullable=False),
    Column("move_name", pl.String(), "Number of the document", source="account.move.name"),
    Column("move_ref", pl.String(), "Reference on the document", source="account.move.ref"),
    Column("invoice_date", pl.Date(), "Date on the document", "local", "account.move.invoice_date"),
    COMPANY,
    identifier("journal_id", "Journal", "account.move.journal_id"),
    identifier(
        "reversed_move_id", "Document that this one takes back", "account.move.reversed_entry_id"
    ),
    identifier(
        "product_id", "Product; null for a line without one", "account.move.line.product_id"
    ),
    Column("label", pl.String(), "Text of the line", source="account.move.line.name"),
    Column(
        "document_quantity",
        QUANTITY,
        "Quantity as the document has it; negative when taken back",
        "unit of the line",
        "account.move.line.quantity, signed",
        nullable=False,
    ),
    Column(
        "discount_pct",
        PRICE,
        "Discount of the line",
        "percent",
        "account.move.line.discount",
        minimum=0,
        maximum=100,
        severity="warn",
    ),
    identifier("currency_id", "Currency of the document", "account.move.line.currency_id"),
    Column("currency", pl.String(), "Its code, ISO 4217", source="res.currency.name"),
    Column(
        "net_currency",
        MONEY,
        "Total of the line without tax; negative when taken back",
        "document currency, tax out",
        "account.move.line.price_subtotal, signed",
        nullable=False,
    ),
    Column(
        "total_currency",
        MONEY,
        "Total of the line with tax, less what is withheld; negative when taken back",
        "document currency, tax in",
        "account.move.line.price_total, signed",
        nullable=False,
    ),
)
"""Columns of clean and fact of both sides."""

CLEAN_ONLY = (
    identifier("uom_id", "Unit of quantity and price", "account.move.line.product_uom_id"),
    Column(
        "document_price_unit",
        PRICE,
        "Unit price as keyed",
        "document currency per unit of the line",
        "account.move.line.price_unit",
        nullable=False,
    ),
    Column("is_foreign", pl.Boolean(), "Not in the company's currency", nullable=False),
    Column("tax_ids", pl.List(pl.Int64()), "Taxes", source="account.move.line.tax_ids"),
)
"""What clean keeps for the fact to work with."""


@dataclass(frozen=True)
class Side:
    """Sales or purchases: the document types, which of them take back, and the sign of balance."""

    types: tuple[str, ...]
    refunds: tuple[str, ...]
    balance_sign: int


SALES = Side(("out_invoice", "out_refund", "out_receipt"), ("out_refund",), -1)
PURCHASES = Side(("in_invoice", "in_refund", "in_receipt"), ("in_refund",), 1)


def source(side: Side, fields: tuple[Field, ...]) -> Source:
    """Product lines of the side's documents, of every state, by accounting date."""

    def domain(known: Collection[str]) -> versions.Domain:
        of_side = ("move_id.move_type", "in", list(side.types))
        return (of_side, *versions.invoice_product_lines(known))

    return Source("account.move.line", "move_id.date", "date", fields, domain)


def reconcile(side: Side) -> Reconcile:
    """Figures of the side's posted lines, each type of document by itself."""
    return Reconcile(
        sums=("quantity", "price_subtotal", "price_total", "balance"),
        kept=(("move_id.state", "in", ("posted",)),),
        each=("move_id.move_type", side.types),
        day_field="date",
    )


def posted_lines(raw: pl.LazyFrame, side: Side, **more: pl.Expr | str) -> pl.LazyFrame:
    """Lines of posted documents, one row a line, signed: COMMON, CLEAN_ONLY, net_tax_ex, ``more``.

    net_tax_ex is the balance in company currency, positive for a sale and for a purchase.
    """
    is_refund = pl.col("move_id.move_type").is_in(side.refunds)
    sign = pl.when(is_refund).then(-1.0).otherwise(1.0)
    named = {name: pl.col(e) if isinstance(e, str) else e for name, e in more.items()}
    return (
        raw.filter(pl.col("move_id.state") == "posted")
        .unique("id", keep="last", maintain_order=True)
        .select(
            "date",
            line_id="id",
            move_id="move_id",
            move_name="move_id.name",
            move_ref="move_id.ref",
            move_type="move_id.move_type",
            invoice_date="move_id.invoice_date",
            company_id="company_id",
            journal_id="move_id.journal_id",
            reversed_move_id="move_id.reversed_entry_id",
            product_id="product_id",
            label="name",
            discount_pct=price(pl.col("discount").fill_null(0.0)),
            currency_id="currency_id",
            currency="currency_id.name",
            net_currency=money(pl.col("price_subtotal") * sign),
            total_currency=money(pl.col("price_total") * sign),
            uom_id="product_uom_id",
            document_quantity=quantity(pl.col("quantity") * sign),
            document_price_unit=price(pl.col("price_unit")),
            is_foreign=pl.col("currency_id").ne_missing(pl.col("company_currency_id")),
            tax_ids="tax_ids",
            net_tax_ex=money(pl.col("balance") * side.balance_sign),
            is_refund=is_refund,
            **named,
        )
    )


DIMENSIONS = ("dim_products", "dim_taxes", "dim_uoms")


def in_company_terms(clean: pl.LazyFrame, dimensions: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """``clean`` with what the facts compute with, all Float64, not rounded yet.

    units (quantity in the product's unit), unit_price (as keyed, company currency per that unit;
    null in a foreign document that is free as a whole), net, tax_ratio (with tax / without,
    withholding left out; null where the subtotal is 0), and the rates of ``rates_of_lines`` with
    0 where a line has no tax.
    """
    ratios = dimensions["dim_uoms"].select("uom_id", "ratio_to_reference")
    products = (
        dimensions["dim_products"]
        .select("product_id", "uom_id")
        .join(ratios, on="uom_id", how="left")
        .select("product_id", product_ratio="ratio_to_reference")
    )
    net, subtotal, total = _floats("net_tax_ex", "net_currency", "total_currency")
    units, keyed = _floats("document_quantity", "document_price_unit")
    # A line of a service or without a product has no other unit to be told in.
    per_unit = (pl.col("ratio_to_reference") / pl.col("product_ratio")).fill_null(1.0)
    own_rate = pl.when(subtotal != 0).then(net / subtotal)
    document_rate = net.abs().sum().over("move_id") / subtotal.abs().sum().over("move_id")
    rate = (
        pl.when(~pl.col("is_foreign"))
        .then(1.0)
        .otherwise(pl.coalesce(own_rate, pl.when(document_rate.is_finite()).then(document_rate)))
    )
    return (
        clean.join(rates_of_lines(clean, dimensions["dim_taxes"]), on="line_id", how="left")
        .join(ratios, on="uom_id", how="left")
        .join(products, on="product_id", how="left")
        .with_columns(
            pl.col("has_included").fill_null(False),
            pl.col("included_rate", "excluded_rate", "withheld_rate").fill_null(0.0),
            pl.col("rates_known").fill_null(True),
            pl.col("tax_names").fill_null(""),
            units=units * per_unit,
            unit_price=keyed * rate / per_unit,
            net=net,
        )
        .with_columns(
            tax_ratio=pl.when(subtotal != 0).then(total / subtotal - pl.col("withheld_rate") / 100)
        )
    )


def _floats(*names: str) -> list[pl.Expr]:
    return [pl.col(name).cast(pl.Float64) for name in names]
