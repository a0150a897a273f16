"""What the small retailer buys, invoices, moves and holds; made from its sales, without chance.

Bills come before the sales they cost, so most revenue has a cost; consulting gets its first bill on
CONSULTING_COSTED, which leaves about 4 % of the default range without one. Facts of documents are
made by the datasets themselves from clean lines, so that spread, taxes and units are theirs.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from nkdash.datasets import inventory_moves, invoice_sales, purchases, stock_quants

CENT = Decimal("0.01")
ZONE = timedelta(hours=7)
CONSULTING_COSTED = date(2026, 11, 16)
VARIANCE_DAY = date(2026, 11, 16)
VARIANCE = Decimal(-2)
POS_INVOICE = 9001
INVOICED_ORDER = 20

PARAGON, MAKMUR, SEHAT, SEOUL = 91, 92, 93, 94
HOTEL, CLINIC, SINGAPORE = 13, 14, 15
PARTNERS = {
    HOTEL: "Hotel Mulia",
    CLINIC: "Klinik Ayu",
    SINGAPORE: "Lim & Sons",
    SEHAT: "CV Sehat",
    SEOUL: "Seoul Beauty Co.",
}
USERS = {2: "Kasir", 3: "Dewi"}

CENTRAL, KEMANG, BANDARA, ORCHARD, ON_THE_WAY = 8, 18, 28, 38, 5
SUPPLIER, CUSTOMER, COUNTED, SCRAPPED = 4, 6, 14, 16
LOCATIONS: dict[int, tuple[str, str, str, int | None]] = {
    CENTRAL: ("GD/Stock", "internal", "Gudang", 1),
    KEMANG: ("KM/Stock", "internal", "Toko Kemang", 1),
    BANDARA: ("BD/Stock", "internal", "Toko Bandara", 1),
    ORCHARD: ("OR/Stock", "internal", "Orchard", 2),
    ON_THE_WAY: ("Antar Gudang", "transit", "", 1),
    SUPPLIER: ("Partners/Vendors", "supplier", "", None),
    CUSTOMER: ("Partners/Customers", "customer", "", None),
    COUNTED: ("Virtual/Inventory adjustment", "inventory", "", 1),
    SCRAPPED: ("Virtual/Scrap", "inventory", "", 1),
}
STORE_STOCK = {1: KEMANG, 2: BANDARA, 3: ORCHARD}
STORABLE = (1, 2, 3, 4, 7, 8)
# Company, product, units that are still to come.
ON_ORDER = [(1, 1, 10), (1, 1, 6), (1, 4, 500), (2, 2, 3)]
# What a store is topped up to every Monday, as far as the central warehouse has it.
TARGETS = {
    KEMANG: {1: 18, 2: 18, 3: 15, 4: 18, 7: 12},
    BANDARA: {1: 26, 2: 26, 3: 22, 4: 10},
}

PIECE, DOZEN = 1, 12
UOMS = {PIECE: ("Units", 1.0), DOZEN: ("Dozens", 12.0)}
VAT_IN, VAT_OUT, WITHHELD = 1, 2, 3
TAXES = {
    VAT_IN: ("PPN Masukan 11%", 11.0, "purchase"),
    VAT_OUT: ("PPN Keluaran 11%", 11.0, "sale"),
    WITHHELD: ("PPh 23", -2.0, "purchase"),
}
STANDARD_PRICES = {1: "70500", 2: "42000", 3: "24000", 4: "184000", 7: "18000", 8: "55250"}

# Product, quantity, unit price without tax, discount in percent, unit, taxes.
Line = tuple[int | None, str, str, str, int, tuple[int, ...]]
# Day, company, vendor, currency, lines.
Bill = tuple[date, int, int, str, list[Line]]


def _of(
    product: int | None, quantity: str, price: str, discount: str = "0", uom: int = PIECE
) -> Line:
    return (product, quantity, price, discount, uom, (VAT_IN,))


def _bills() -> list[Bill]:
    """Vendor bills; the sales of a day come after its bills."""
    first = date(2026, 9, 1)
    serums = ["62000", "62000", "63500", "66000", "66000", "70500"]
    scents = ["190000", "190000", "186000", "186000", "184000", "184000"]
    regular: list[Bill] = []
    for n, (serum, scent) in enumerate(zip(serums, scents, strict=True)):
        day = first + timedelta(days=14 * n)
        paragon = [_of(1, "120" if n == 0 else "60", serum)]
        if n < 5:
            paragon.append(_of(3, "100" if n == 0 else "45", "24000", "5"))
        if n == 2:
            paragon.append(_of(1, "6", "0"))
        makmur = [_of(4, "80" if n == 0 else "55", scent)]
        if n == 4:
            makmur.append(_of(None, "1", "-250000"))
        regular += [(day, 1, PARAGON, "IDR", paragon), (day, 1, MAKMUR, "IDR", makmur)]
    lips = ["492000", "492000", "504000", "504000"]
    regular += [
        (date(2026, 9, 3) + timedelta(days=21 * n), 1, MAKMUR, "IDR", [_of(2, "9", p, uom=DOZEN)])
        for n, p in enumerate(lips)
    ]
    prices = [(1, "6.2"), (2, "4.1"), (3, "2.4"), (4, "19")]
    orchard: list[Line] = [(product, "40", price, "0", PIECE, ()) for product, price in prices]
    visit: Line = (5, "40", "20000", "0", PIECE, (VAT_IN, WITHHELD))
    return [
        *regular,
        (first, 1, PARAGON, "IDR", [_of(7, "24", "18000")]),
        (date(2026, 9, 4), 1, SEOUL, "USD", [_of(8, "60", "3.4")]),
        (CONSULTING_COSTED, 1, SEHAT, "IDR", [visit]),
        (first, 2, PARAGON, "SGD", orchard),
        (date(2026, 10, 13), 2, PARAGON, "SGD", orchard),
    ]


# The vendor takes back six lip tints of the third bill of dozens.
REFUND: Bill = (date(2026, 11, 11), 1, MAKMUR, "IDR", [_of(2, "6", "42000")])
RATES = {"IDR": Decimal(1), "SGD": Decimal(1), "USD": Decimal(16250)}
CURRENCY_IDS = {"IDR": 12, "SGD": 37, "USD": 2}


def bought(dimensions: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """fact_purchases."""
    rows: list[dict[str, Any]] = []
    documents = [(bill, "in_invoice") for bill in _bills()] + [(REFUND, "in_refund")]
    for n, ((day, company, vendor, currency, lines), kind) in enumerate(
        sorted(documents, key=lambda d: d[0][0])
    ):
        own = {"vendor_id": vendor, "purchase_order_id": 500 + n, "purchase_line_id": None}
        prefix = "RBILL" if kind == "in_refund" else "BILL"
        name = f"{prefix}/2026/{n + 1:04d}"
        rows += _document(7000 + n, name, day, company, kind, currency, lines, own)
    return _fact(purchases.CLEAN, purchases.fact, rows, dimensions)


def invoiced(
    days: Sequence[date], sales: pl.DataFrame, dimensions: Mapping[str, pl.LazyFrame]
) -> pl.DataFrame:
    """fact_invoice_sales: what hotel and clinic order, a credit note, and a POS order's invoice."""
    rows: list[dict[str, Any]] = []
    for n, (day, company, customer, kind, lines) in enumerate(_invoices(days)):
        own = {"customer_id": customer, "salesperson_id": 3, "pos_order_id": None}
        name = f"{'RINV' if kind == 'out_refund' else 'INV'}/2026/{n + 1:04d}"
        currency = "IDR" if company == 1 else "SGD"
        rows += _document(8000 + n, name, day, company, kind, currency, lines, own)
    [order] = sales.filter(pl.col("order_id") == INVOICED_ORDER).partition_by("order_id")
    head = order.row(0, named=True)
    lines = [
        (line["product_id"], str(line["quantity"]), str(line["price_unit"]), "0", PIECE, ())
        for line in order.to_dicts()
    ]
    own = {"customer_id": HOTEL, "salesperson_id": 2, "pos_order_id": INVOICED_ORDER}
    rows += _document(
        POS_INVOICE,
        "INV/2026/0900",
        head["date"],
        head["company_id"],
        "out_invoice",
        "IDR",
        lines,
        own,
    )
    return _fact(invoice_sales.CLEAN, invoice_sales.fact, rows, dimensions)


def _invoices(
    days: Sequence[date],
) -> Iterator[tuple[date, int, int, str, list[Line]]]:
    known = set(days)
    day = date(2026, 9, 8)
    for n in range(11):
        customer = (HOTEL, CLINIC)[n % 2]
        lines: list[Line] = [
            (1, "4", "100000", "10" if n % 3 == 0 else "0", PIECE, (VAT_OUT,)),
        ]
        if n < 10:
            lines.append((8, "6", "95000", "0", PIECE, (VAT_OUT,)))
        if n % 4 == 1:
            lines.append((5, "1", "45000", "0", PIECE, (VAT_OUT,)))
        if day in known:
            yield day, 1, customer, "out_invoice", lines
        day += timedelta(days=7)
    yield date(2026, 10, 21), 1, HOTEL, "out_refund", [(1, "1", "100000", "0", PIECE, (VAT_OUT,))]
    yield date(2026, 11, 12), 2, SINGAPORE, "out_invoice", [(4, "2", "33", "0", PIECE, ())]


def _document(
    move: int,
    name: str,
    day: date,
    company: int,
    kind: str,
    currency: str,
    lines: list[Line],
    own: dict[str, Any],
) -> list[dict[str, Any]]:
    is_refund = kind.endswith("refund")
    sign = -1 if is_refund else 1
    rows = []
    for n, (product, quantity, price, discount, uom, taxes) in enumerate(lines):
        net = (Decimal(quantity) * Decimal(price) * (100 - Decimal(discount)) / 100).quantize(CENT)
        rate = sum((Decimal(str(TAXES[t][1])) for t in taxes), Decimal(0))
        rows.append(
            {
                "date": day,
                "line_id": move * 10 + n,
                "move_id": move,
                "move_name": name,
                "invoice_date": day,
                "company_id": company,
                "product_id": product,
                "label": None if product else "Potongan",
                "document_quantity": Decimal(quantity) * sign,
                "discount_pct": Decimal(discount),
                "currency_id": CURRENCY_IDS[currency],
                "currency": currency,
                "net_currency": net * sign,
                "total_currency": (net * (100 + rate) / 100).quantize(CENT) * sign,
                "move_type": kind,
                "net_tax_ex": (net * RATES[currency]).quantize(CENT) * sign,
                "is_refund": is_refund,
                "uom_id": uom,
                "document_price_unit": Decimal(price),
                "is_foreign": RATES[currency] != 1,
                "tax_ids": list(taxes),
                "is_downpayment": False,
                **own,
            }
        )
    return rows


def _fact(
    table: Any, fact: Any, rows: list[dict[str, Any]], dimensions: Mapping[str, pl.LazyFrame]
) -> pl.DataFrame:
    blank = dict.fromkeys(table.schema.names())
    known = set(blank)
    lines = [{**blank, **{k: v for k, v in row.items() if k in known}} for row in rows]
    clean = pl.LazyFrame(lines, schema=table.schema)
    made: pl.DataFrame = fact(clean, dimensions).collect()
    return made.sort("date", "line_id")


class _Stock:
    """What lies where, while the days go by; every change of it is a move."""

    def __init__(self) -> None:
        self.held: Counter[tuple[int, int]] = Counter()
        self.moves: list[dict[str, Any]] = []

    def move(
        self,
        kind: str,
        product: int,
        quantity: Decimal,
        source: int,
        target: int,
        at: datetime,
        partner: int | None = None,
        reference: str | None = None,
    ) -> None:
        """One done move line at local time ``at``."""
        ours = ("internal", "transit")
        source_usage, target_usage = LOCATIONS[source][1], LOCATIONS[target][1]
        out, inside = source_usage in ours, target_usage in ours
        if out:
            self.held[source, product] -= quantity  # type: ignore[assignment]
        if inside:
            self.held[target, product] += quantity  # type: ignore[assignment]
        n = len(self.moves) + 1
        self.moves.append(
            {
                "date": at.date(),
                "move_line_id": n,
                "move_id": n,
                "moved_at": at - ZONE,
                "moved_at_local": at,
                "company_id": LOCATIONS[source if out else target][3],
                "product_id": product,
                "from_location_id": source,
                "from_usage": source_usage,
                "to_location_id": target,
                "to_usage": target_usage,
                "partner_id": partner,
                "reference": reference,
                "quantity": quantity,
                "quantity_signed": quantity * (int(inside) - int(out)),
                "movement_type": kind,
                "is_adjustment": kind == "adjustment",
            }
        )


def moved(
    days: Sequence[date], sales: pl.DataFrame, bills: pl.DataFrame, invoices: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """fact_inventory_moves and fact_stock_on_hand_snapshot, which they explain but for VARIANCE."""
    stock, quants = _Stock(), []
    documents = invoices.filter(pl.col("move_id") != POS_INVOICE)
    by_day = {
        name: {key[0]: rows.to_dicts() for key, rows in frame.group_by("date", maintain_order=True)}
        for name, frame in (("sales", sales), ("bills", bills), ("invoices", documents))
    }
    for day in days:
        if day == VARIANCE_DAY:
            stock.held[BANDARA, 2] += VARIANCE  # type: ignore[assignment]
        if day > days[0] and (day.weekday() == 0 or day.day == 1 or day > days[-8]):
            quants += _quants(day, stock.held)
        for bill in by_day["bills"].get(day, []):
            _receive(stock, bill)
        if day.weekday() == 0 or day == days[0]:
            _top_up(stock, day)
        for line in by_day["sales"].get(day, []):
            _hand_over(stock, line, STORE_STOCK[line["pos_config_id"]], line["ordered_at_local"])
        for line in by_day["invoices"].get(day, []):
            shelf = CENTRAL if line["company_id"] == 1 else ORCHARD
            _hand_over(stock, line, shelf, datetime.combine(day, time(15)))
        _odd_moves(stock, day)
    return (
        _rows(stock.moves, inventory_moves.FACT),
        _rows(quants, stock_quants.FACT),
    )


def _rows(rows: list[dict[str, Any]], table: Any) -> pl.DataFrame:
    blank = dict.fromkeys(table.schema.names())
    return pl.DataFrame([{**blank, **row} for row in rows], schema=table.schema)


def _receive(stock: _Stock, line: dict[str, Any]) -> None:
    if line["product_id"] not in STORABLE:
        return
    at = datetime.combine(line["date"], time(8))
    shelf = CENTRAL if line["company_id"] == 1 else ORCHARD
    about = (at, line["vendor_id"], line["move_name"])
    if line["is_refund"]:
        back = -line["quantity"]
        stock.move("return_to_vendor", line["product_id"], back, shelf, SUPPLIER, *about)
    else:
        stock.move("receipt", line["product_id"], line["quantity"], SUPPLIER, shelf, *about)


def _top_up(stock: _Stock, day: date) -> None:
    at = datetime.combine(day, time(8, 30))
    for shelf, targets in TARGETS.items():
        for product, target in targets.items():
            lacking = Decimal(target) - stock.held[shelf, product]
            sent = min(lacking, Decimal(stock.held[CENTRAL, product]))
            if sent > 0:
                stock.move("transfer", product, sent, CENTRAL, shelf, at)


def _hand_over(stock: _Stock, line: dict[str, Any], shelf: int, at: datetime) -> None:
    product, quantity = line["product_id"], line["quantity"]
    if product not in STORABLE or not quantity:
        return
    about = (at, line["customer_id"], line.get("order_ref") or line.get("move_name"))
    if quantity > 0:
        stock.move("delivery", product, quantity, shelf, CUSTOMER, *about)
    else:
        stock.move("return_from_customer", product, -quantity, CUSTOMER, shelf, *about)


def _odd_moves(stock: _Stock, day: date) -> None:
    """Counts, breakage, and goods that left the warehouse on the 21st and are still on the way."""
    at = datetime.combine(day, time(21))
    one = Decimal(1)
    if day == date(2026, 10, 12):
        stock.move("adjustment", 3, one * 2, COUNTED, BANDARA, at)
    elif day == date(2026, 11, 2):
        stock.move("adjustment", 1, one, KEMANG, COUNTED, at)
    elif day == date(2026, 11, 10):
        stock.move("scrap", 4, one, KEMANG, SCRAPPED, at)
    elif day == date(2026, 11, 14):
        stock.move("transit_out", 1, one * 5, CENTRAL, ON_THE_WAY, at)
    elif day == date(2026, 11, 15):
        stock.move("transit_in", 1, one * 5, ON_THE_WAY, BANDARA, at)
    elif day == date(2026, 11, 21):
        stock.move("transit_out", 4, one * 3, CENTRAL, ON_THE_WAY, at)


def _quants(day: date, held: Counter[tuple[int, int]]) -> list[dict[str, Any]]:
    at = datetime.combine(day, time(1))
    return [
        {
            "date": day,
            "quant_id": location * 100 + product,
            "taken_at": at - ZONE,
            "taken_at_local": at,
            "company_id": LOCATIONS[location][3],
            "product_id": product,
            "location_id": location,
            "quantity": quantity,
            "reserved_quantity": Decimal(2 if location == CENTRAL and quantity > 2 else 0),
            "value": (quantity * standard_price(product, LOCATIONS[location][3])).quantize(CENT),
        }
        for (location, product), quantity in sorted(held.items())
        if quantity
    ]


def standard_price(product: int, company: int | None) -> Decimal:
    """Today's cost of a product, in the company's currency."""
    return Decimal(STANDARD_PRICES[product]) / (10_000 if company == 2 else 1)


def dimension_rows() -> dict[str, list[dict[str, Any]]]:
    """Rows of the dimensions that goods need, by the name of their table."""
    return {
        "dim_locations": [
            {
                "location_id": i,
                "name": path.split("/")[-1],
                "path": path,
                "usage": usage,
                "scrap": i == SCRAPPED,
                "warehouse_id": i if warehouse else None,
                "warehouse": warehouse or None,
                "company_id": company,
                "active": True,
            }
            for i, (path, usage, warehouse, company) in LOCATIONS.items()
        ],
        "dim_uoms": [
            {"uom_id": i, "name": name, "ratio_to_reference": ratio, "active": True}
            for i, (name, ratio) in UOMS.items()
        ],
        "dim_taxes": [
            {
                "tax_id": i,
                "name": name,
                "kind": "percent",
                "rate": rate,
                "charged_rate": max(rate, 0.0),
                "price_included": False,
                "withholding": rate < 0,
                "use": use,
                "company_id": 1,
                "active": True,
            }
            for i, (name, rate, use) in TAXES.items()
        ],
        "dim_open_purchase_lines": [
            {
                "open_purchase_line_id": n,
                "purchase_order_id": 500 + n,
                "company_id": company,
                "vendor_id": PARAGON,
                "product_id": product,
                "ordered": Decimal(quantity),
                "on_order": Decimal(quantity),
                "expected_at": datetime.combine(date(2026, 11, 25 + n), time(3)),
            }
            for n, (company, product, quantity) in enumerate(ON_ORDER)
        ],
        "dim_users": [{"user_id": i, "name": name, "active": True} for i, name in USERS.items()],
        "dim_lots": [{"lot_id": 1, "name": "LOT-2026-09", "product_id": 1, "company_id": 1}],
        "dim_product_costs_now": [
            {
                "company_id": company,
                "product_id": product,
                "standard_price": standard_price(product, company),
            }
            for company in (1, 2)
            for product in STANDARD_PRICES
        ],
    }
