"""Customer and vendor documents as Odoo books them: account.move, its lines, purchase orders.

What happens elsewhere in the retailer hands over documents and their lines in two frames:

documents  doc (a key; order ids for invoiced orders), at (when it was entered), day and invoice_day
           (accounting date and date on the paper, days since EPOCH), move_type, partner, state,
           ref, user, reversed (the doc that it takes back)
lines      doc, slot, product_id (null: a free line), label, qty, uom, price, discount, tax (what
           ``sales.priced`` knows: TAX_INCLUDED, TAX_EXCLUDED or 0), withheld, cost (of one unit)

Times are local seconds since EPOCH, prices whole rupiah per unit, quantities positive.
"""

from datetime import date

import polars as pl

from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer.sales import (
    DAY,
    EPOCH,
    Calendar,
    Sold,
    band,
    money,
    priced,
    rounded,
    utc,
)
from nkdash.sandbox.retailer.tables import table
from nkdash.sandbox.store import Table

DOCUMENTS = pl.Schema(
    {
        "doc": pl.Int64(),
        "at": pl.Int64(),
        "day": pl.Int64(),
        "invoice_day": pl.Int64(),
        "move_type": pl.String(),
        "partner": pl.Int64(),
        "state": pl.String(),
        "ref": pl.String(),
        "user": pl.Int64(),
        "reversed": pl.Int64(),
    }
)
LINES = pl.Schema(
    {
        "doc": pl.Int64(),
        "slot": pl.Int64(),
        "product_id": pl.Int64(),
        "label": pl.String(),
        "qty": pl.Int64(),
        "uom": pl.Int64(),
        "price": pl.Int64(),
        "discount": pl.Int64(),
        "tax": pl.Int64(),
        "withheld": pl.Boolean(),
        "cost": pl.Float64(),
    }
)

KIND = 10**12
"""What doc keys of one kind of document start from: kind x KIND."""
WHOLESALE, CREDIT_NOTE, BILL, VENDOR_REFUND, SERVICE, PETTY_CASH, POS_CREDIT_NOTE = range(1, 8)
LINES_PER_MOVE = 128
"""Ids set aside for the lines of a document."""

_PREFIXES = {
    "out_invoice": "INV",
    "out_receipt": "INV",
    "out_refund": "RINV",
    "in_invoice": "BILL",
    "in_receipt": "BILL",
    "in_refund": "RBILL",
}
_ZERO = ("qty", "price", "discount", "subtotal", "total", "balance", "base")
_TAX_LABELS = {
    c.TAX_EXCLUDED: "PPN 11%",
    c.TAX_INCLUDED: "PPN 11% (incl)",
    c.BILL_TAX: "PPN Masukan 11%",
    c.BILL_TAX_INCLUDED: "PPN Masukan 11% (incl)",
    c.WITHHELD: "PPh 23 -2%",
}
_SHARE_OF_POS_INVOICES_CREDITED = 0.05


def as_documents(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of DOCUMENTS, in their types."""
    return frame.select(list(DOCUMENTS)).cast(DOCUMENTS)


def as_lines(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of LINES, in their types."""
    return frame.select(list(LINES)).cast(LINES)


def pos_documents(sold: Sold) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The invoices of invoiced orders, and the back office's credit notes for a few of them."""
    orders = sold.orders.filter(pl.col("state") == "invoiced")
    invoices = orders.select(
        doc="id",
        at="at",
        day="day",
        invoice_day="day",
        move_type=pl.lit("out_invoice"),
        partner="customer",
        state=pl.lit("posted"),
        ref=pl.format("{}/{}", pl.Series("shop", c.shop_names())[orders["shop"]], pl.col("id")),
        user=pl.col("shop") + c.FIRST_USER,
        reversed=pl.lit(None, dtype=pl.Int64),
    )
    credited = orders.filter(pl.col("u_split") < _SHARE_OF_POS_INVOICES_CREDITED)["id"]
    later = DAY * (1 + pl.col("doc") % 5)
    notes = invoices.filter(pl.col("doc").is_in(credited.implode())).with_columns(
        doc=POS_CREDIT_NOTE * KIND + pl.col("doc"),
        at=(pl.col("at") // DAY) * DAY + later + 36_000,
        day=pl.col("at") // DAY + later // DAY,
        invoice_day=pl.col("at") // DAY + later // DAY,
        move_type=pl.lit("out_refund"),
        user=pl.lit(c.ADMIN_USER),
        reversed="doc",
    )
    lines = sold.lines.filter(pl.col("id").is_in(orders["id"].implode())).select(
        "slot",
        "product_id",
        "label",
        "qty",
        "price",
        "discount",
        "tax",
        "cost",
        doc="id",
        uom=pl.lit(c.UNITS),
        withheld=pl.lit(False),
    )
    back = lines.filter(pl.col("doc").is_in(credited.implode())).with_columns(
        doc=POS_CREDIT_NOTE * KIND + pl.col("doc")
    )
    documents = pl.concat([as_documents(invoices), as_documents(notes)])
    return documents, pl.concat([as_lines(lines), as_lines(back)])


def numbered(documents: pl.DataFrame, orders_per_day: int) -> pl.DataFrame:
    """Documents with ``move_id``: an invoiced order's own id, else one of those set aside for the
    day it is entered. Vendors' bills have theirs apart, since they are known days ahead, when the
    other documents of that day are not drawn yet."""
    many = band(orders_per_day)
    is_pos = pl.col("doc") < KIND
    is_bill = (pl.col("doc") // KIND).is_in([BILL, VENDOR_REFUND])
    entered = pl.col("at") // DAY
    first = entered * many + 3 * many // 4 + pl.when(is_bill).then(many // 8).otherwise(0)
    rank = pl.int_range(1, pl.len() + 1).over(entered, is_pos, is_bill)
    return (
        documents.sort("at", "doc")
        .with_columns(move_id=pl.when(is_pos).then("doc").otherwise(first + rank))
        .sort("move_id")
    )


def document_tables(documents: pl.DataFrame, lines: pl.DataFrame, span: Calendar) -> list[Table]:
    """The tables of the numbered documents that were entered in the span and not after now, and
    the orders behind vendors' bills, those whose bill is still to come too."""
    is_due = pl.col("at") <= span.now
    is_ordered = (pl.col("doc") // KIND == BILL) & (_ordered_at() <= span.now)
    documents = documents.filter(pl.col("at") >= span.first * DAY, is_due | is_ordered)
    taken_back = documents.select(reversed="doc", reversed_id="move_id")
    month = _date("day").dt.strftime("%Y/%m")
    documents = documents.join(
        taken_back, on="reversed", how="left", maintain_order="left"
    ).with_columns(
        name=pl.when(pl.col("state") == "draft")
        .then(pl.lit("/"))
        .otherwise(
            pl.format("{}/{}/{}", pl.col("move_type").replace(_PREFIXES), month, pl.col("move_id"))
        ),
        # Debit is positive: customers' documents credit sales, vendors' debit costs.
        sign=pl.when(pl.col("move_type").is_in(["out_invoice", "out_receipt", "in_refund"]))
        .then(-1)
        .otherwise(1),
        is_sale=pl.col("move_type").str.starts_with("out_"),
        is_bill=pl.col("doc") // KIND == BILL,
        day=_date("day"),
        invoice_day=_date("invoice_day"),
        entered=utc(pl.col("at")),
    )
    wanted = ("doc", "move_id", "sign", "is_sale", "is_bill", "state", "move_type")
    of_lines = priced(lines.join(documents.select(wanted), on="doc", how="inner")).with_columns(
        held=pl.when("withheld").then(-rounded(2 * pl.col("excl"), 100)).otherwise(0),
        vat=pl.col("incl") - pl.col("excl"),
        tax_id=_tax_id(),
    )
    totals = of_lines.group_by("move_id").agg(
        untaxed=pl.col("excl").sum(), total=(pl.col("incl") + pl.col("held")).sum()
    )
    documents = documents.join(totals, on="move_id", how="left", maintain_order="left")
    items = _items(of_lines, documents)
    bought = items.filter(
        "is_bill", pl.col("kind") == "product", pl.col("product_id").is_not_null()
    )
    entered = documents.filter(is_due)
    orders = documents.filter("is_bill").with_columns(
        is_due=is_due, last_change=utc(pl.when(is_due).then("at").otherwise(_ordered_at()))
    )
    return [
        _move_table(entered),
        _item_table(items.join(entered.select("move_id"), on="move_id", how="semi"), entered),
        _purchase_table(orders),
        _purchase_line_table(bought, orders),
    ]


def _ordered_at() -> pl.Expr:
    """What a bill is for was ordered on Monday at nine."""
    return (pl.col("at") // (7 * DAY)) * 7 * DAY + 32_400


def _tax_id() -> pl.Expr:
    included, taxed = pl.col("tax") == c.TAX_INCLUDED, pl.col("tax") != 0
    of_bill = pl.when(included).then(c.BILL_TAX_INCLUDED).otherwise(c.BILL_TAX)
    return pl.when(taxed).then(pl.when("is_sale").then("tax").otherwise(of_bill))


_ITEMS = pl.Schema(
    {
        "move_id": pl.Int64(),
        "slot": pl.Int64(),
        "kind": pl.String(),
        "product_id": pl.Int64(),
        "label": pl.String(),
        "qty": pl.Int64(),
        "uom": pl.Int64(),
        "price": pl.Int64(),
        "discount": pl.Int64(),
        "subtotal": pl.Int64(),
        "total": pl.Int64(),
        "balance": pl.Int64(),
        "base": pl.Int64(),
        "tax_line_id": pl.Int64(),
        "taxes": pl.List(pl.Int64),
        "account": pl.Int64(),
        "is_bill": pl.Boolean(),
    }
)


def _items(lines: pl.DataFrame, documents: pl.DataFrame) -> pl.DataFrame:
    """All lines of the documents, Odoo's own too: product, tax, cogs, payment_term; in cents."""
    sign, total = pl.col("sign"), pl.col("total")
    no_taxes = pl.lit([], dtype=pl.List(pl.Int64))
    charged = pl.when(pl.col("tax_id").is_not_null()).then(pl.concat_list("tax_id"))
    held = pl.when("withheld").then(pl.lit([c.WITHHELD], dtype=pl.List(pl.Int64)))
    spent_on = pl.when(pl.col("product_id").is_null()).then(71).otherwise(66)
    vat = lines.drop_nulls("tax_id").group_by("move_id", "tax_id", "is_sale", "sign")
    withheld = lines.filter("withheld").group_by("move_id", "sign")
    parts = [
        _item(
            lines.with_columns(total=pl.col("incl") + pl.col("held")),
            kind=pl.lit("product"),
            slot=pl.col("slot"),
            product_id=pl.col("product_id"),
            label=pl.col("label"),
            qty=pl.col("qty"),
            uom=pl.col("uom"),
            price=pl.col("price"),
            discount=pl.col("discount"),
            subtotal=pl.col("excl"),
            total=total,
            balance=sign * pl.col("excl"),
            taxes=charged.otherwise(no_taxes).list.concat(held.otherwise(no_taxes)),
            account=pl.when("is_sale").then(63).otherwise(spent_on),
            is_bill=pl.col("is_bill"),
        ),
        _item(
            vat.agg(pl.col("vat", "excl").sum()),
            kind=pl.lit("tax"),
            slot=10_000 + pl.col("tax_id"),
            label=pl.col("tax_id").replace_strict(_TAX_LABELS),
            balance=sign * pl.col("vat"),
            base=pl.col("excl"),
            tax_line_id=pl.col("tax_id"),
            account=pl.when("is_sale").then(38).otherwise(37),
        ),
        _item(
            withheld.agg(pl.col("held", "excl").sum()),
            kind=pl.lit("tax"),
            slot=pl.lit(10_900),
            label=pl.lit(_TAX_LABELS[c.WITHHELD]),
            balance=sign * pl.col("held"),
            base=pl.col("excl"),
            tax_line_id=pl.lit(c.WITHHELD),
            account=pl.lit(39),
        ),
        _item(
            documents,
            kind=pl.lit("payment_term"),
            slot=pl.lit(12_000),
            label=pl.col("name"),
            balance=-sign * total,
            account=pl.when("is_sale").then(8).otherwise(28),
        ),
        *_cogs(lines),
    ]
    number = pl.int_range(1, pl.len() + 1).over("move_id")
    return (
        pl.concat(parts)
        .sort("move_id", "slot")
        .with_columns(id=pl.col("move_id") * LINES_PER_MOVE + number)
    )


def _item(frame: pl.DataFrame, **values: pl.Expr) -> pl.DataFrame:
    """Lines of one kind; what is not given is 0 or empty."""
    unset = {
        name: pl.lit(0 if name in _ZERO else None, dtype=dtype) for name, dtype in _ITEMS.items()
    }
    unset |= {"taxes": pl.lit([], dtype=pl.List(pl.Int64)), "is_bill": pl.lit(False)}
    columns = {**unset, "move_id": pl.col("move_id"), **values}
    return frame.select(**columns).cast(_ITEMS)


def _cogs(lines: pl.DataFrame) -> list[pl.DataFrame]:
    """What the wholesale's goods cost, out of interim stock into costs, once it is posted."""
    sold = lines.filter(
        (pl.col("doc") // KIND).is_in([WHOLESALE, CREDIT_NOTE]), pl.col("state") == "posted"
    )
    dozen = pl.when(pl.col("uom") == c.DOZENS).then(12).otherwise(1)
    value = (pl.col("cost") * 100).round(0).cast(pl.Int64) * pl.col("qty") * dozen
    return [
        _item(
            sold,
            kind=pl.lit("cogs"),
            slot=20_000 + 2 * pl.col("slot") + leg,
            product_id=pl.col("product_id"),
            label=pl.col("label"),
            qty=pl.col("qty"),
            uom=pl.col("uom"),
            subtotal=way * value,
            total=way * value,
            balance=way * value * pl.col("sign"),
            account=pl.lit(account),
        )
        for leg, way, account in ((0, 1, 54), (1, -1, 66))
    ]


def _date(day: str) -> pl.Expr:
    first = (EPOCH - date(1970, 1, 1)).days
    return (pl.col(day) + first).cast(pl.Int32).cast(pl.Date)


def _move_table(documents: pl.DataFrame) -> Table:
    tax = pl.col("total") - pl.col("untaxed")
    signed = -pl.col("sign")
    pos = pl.col("doc") < KIND
    frame = documents.select(
        "name",
        "move_type",
        "state",
        "ref",
        id="move_id",
        date="day",
        invoice_date="invoice_day",
        invoice_date_due="invoice_day",
        partner_id="partner",
        commercial_partner_id="partner",
        journal_id=pl.when("is_sale").then(c.SALES_JOURNAL).otherwise(c.BILLS_JOURNAL),
        invoice_user_id=pl.when("is_sale").then("user"),
        reversed_entry_id="reversed_id",
        invoice_origin=pl.when(pos).then("ref"),
        amount_untaxed=money("untaxed"),
        amount_tax=money(tax),
        amount_total=money("total"),
        amount_untaxed_signed=money(signed * pl.col("untaxed")),
        amount_tax_signed=money(signed * tax),
        amount_total_signed=money(signed * pl.col("total")),
        amount_residual=pl.when(pos).then(0.0).otherwise(money("total")),
        payment_state=pl.when(pos).then(pl.lit("paid")).otherwise(pl.lit("not_paid")),
        posted_before=pl.col("state") == "posted",
        create_date="entered",
        write_date="entered",
        create_uid="user",
        write_uid="user",
    )
    constants = {"company_id": c.COMPANY, "currency_id": c.IDR, "auto_post": "no"}
    return table("account.move", {**frame.to_dict(), **constants})


def _item_table(items: pl.DataFrame, documents: pl.DataFrame) -> Table:
    of_document = documents.select(
        "move_id", "name", "state", "day", "invoice_day", "move_type", "ref", "partner", "user",
        "entered", "is_sale",
    )  # fmt: skip
    frame = items.join(of_document, on="move_id", how="left", maintain_order="left")
    balance = pl.col("balance")
    bought = pl.col("is_bill") & pl.col("product_id").is_not_null()
    cogs = pl.col("kind") == "cogs"
    shown = frame.select(
        "id",
        "move_id",
        "move_type",
        "product_id",
        "ref",
        "discount",
        move_name="name",
        parent_state="state",
        name="label",
        display_type="kind",
        date="day",
        invoice_date="invoice_day",
        date_maturity=pl.when(pl.col("kind") == "payment_term").then("invoice_day"),
        journal_id=pl.when("is_sale").then(c.SALES_JOURNAL).otherwise(c.BILLS_JOURNAL),
        partner_id="partner",
        account_id="account",
        quantity="qty",
        product_uom_id="uom",
        price_unit=pl.when(cogs).then(money(pl.col("subtotal") / pl.col("qty"))).otherwise("price"),
        price_subtotal=money("subtotal"),
        price_total=money("total"),
        balance=money(balance),
        debit=money(balance.clip(lower_bound=0)),
        credit=money((-balance).clip(lower_bound=0)),
        amount_currency=money(balance),
        tax_ids="taxes",
        tax_line_id="tax_line_id",
        tax_base_amount=money("base"),
        sequence=pl.when(pl.col("kind") == "product").then(100).otherwise("slot"),
        purchase_line_id=pl.when(bought).then("id"),
        purchase_order_id=pl.when(bought).then("move_id"),
        create_date="entered",
        write_date="entered",
        create_uid="user",
        write_uid="user",
    )
    constants = {"company_id": c.COMPANY, "currency_id": c.IDR, "is_downpayment": False}
    return table("account.move.line", {**shown.to_dict(), **constants})


def _purchase_table(orders: pl.DataFrame) -> Table:
    """The order behind each bill for goods, with the bill's own id."""
    frame = orders.select(
        id="move_id",
        name=pl.format("P{}", "move_id"),
        partner_id="partner",
        partner_ref="ref",
        date_order=utc(_ordered_at()),
        date_approve=utc(_ordered_at()),
        amount_untaxed=money("untaxed"),
        amount_total=money("total"),
        amount_tax=money(pl.col("total") - pl.col("untaxed")),
        invoice_ids=pl.when("is_due")
        .then(pl.concat_list("move_id"))
        .otherwise(pl.lit([], dtype=pl.List(pl.Int64))),
        invoice_status=pl.when("is_due").then(pl.lit("invoiced")).otherwise(pl.lit("no")),
        receipt_status=pl.when("is_due").then(pl.lit("full")).otherwise(pl.lit("pending")),
        create_date=utc(_ordered_at()),
        write_date="last_change",
    )
    constants = {
        "company_id": c.COMPANY,
        "currency_id": c.IDR,
        "state": "purchase",
        "picking_type_id": c.picking_type(c.MAIN_WAREHOUSE, c.RECEIPTS),
        "user_id": c.ADMIN_USER,
    }
    return table("purchase.order", {**frame.to_dict(), **constants})


def _purchase_line_table(bought: pl.DataFrame, orders: pl.DataFrame) -> Table:
    of_order = orders.select(
        "move_id", "partner", "is_due", "last_change", ordered=utc(_ordered_at()), planned="entered"
    )
    arrived = pl.when("is_due").then("qty").otherwise(0)
    frame = bought.join(of_order, on="move_id", how="left", maintain_order="left").select(
        "id",
        "product_id",
        "discount",
        order_id="move_id",
        partner_id="partner",
        name="label",
        product_qty="qty",
        product_uom_qty=pl.col("qty") * pl.when(pl.col("uom") == c.DOZENS).then(12).otherwise(1),
        qty_received=arrived,
        qty_invoiced=arrived,
        product_uom="uom",
        price_unit="price",
        price_subtotal=money("subtotal"),
        price_total=money("total"),
        price_tax=money(pl.col("total") - pl.col("subtotal")),
        taxes_id="taxes",
        date_planned="planned",
        create_date="ordered",
        write_date="last_change",
    )
    constants = {
        "company_id": c.COMPANY,
        "currency_id": c.IDR,
        "state": "purchase",
        "sequence": 10,
        "qty_received_method": "stock_moves",
    }
    return table("purchase.order.line", {**frame.to_dict(), **constants})
