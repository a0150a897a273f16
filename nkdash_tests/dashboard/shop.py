"""A small retailer for the dashboard's tests: deterministic, with what makes figures go wrong.

Two companies (IDR, SGD), three stores, returns, pure refunds, vouchers, free items, services,
walk-ins, fractional quantities, change given back, two payments for one order, a day without
sales, a day that was never loaded, and an open day with an open session. What it buys, invoices,
moves and holds is in goods.py.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from nkdash.catalog import Catalog, load_catalog
from nkdash.clock import days_between
from nkdash.contracts import Table
from nkdash.datasets import (
    inventory_moves,
    invoice_sales,
    pos_order_lines,
    pos_payments,
    purchases,
    stock_quants,
)
from nkdash.dimensions import (
    brands,
    categories,
    companies,
    employees,
    locations,
    lots,
    open_purchase_lines,
    partners,
    payment_methods,
    pos_configs,
    product_costs_now,
    products,
    taxes,
    uoms,
    users,
)
from nkdash.lake import Layer, write_days, write_table
from nkdash.settings import Settings
from nkdash.warehouse import publish
from nkdash_tests.dashboard import goods

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
FIRST = date(2026, 9, 1)
EMPTY_DAY = date(2026, 11, 5)
LOST_DAY = date(2026, 9, 10)
AS_OF = datetime(2026, 11, 22, 19, 4, tzinfo=UTC).replace(tzinfo=None)
CENT = Decimal("0.01")

STORES = {1: (1, "Toko Kemang"), 2: (1, "Toko Bandara"), 3: (2, "Orchard")}
CASHIERS = {1: "Ayu", 2: "Bagus", 3: "Citra"}
METHODS = {1: ("Tunai", True), 2: ("QRIS", False), 3: ("Kartu", False)}
CATEGORIES = {1: ("All", None), 2: ("Skincare", 1), 3: ("Serum", 2), 4: ("Makeup", 1)}
BRANDS = {1: ("Emina", 91), 2: ("L'Île", 92)}
PRODUCTS = {
    1: ("Serum Vit C", 3, 1, "product", "120000"),
    2: ("Lip Tint <b>Velvet</b>", 4, 2, "product", "79000"),
    3: ("=SUM(A1:A9)", 4, None, "product", "45500"),
    4: ("Parfum, 'Rose' \"50\"", 2, 2, "product", "350000"),
    5: ("Konsultasi", 2, None, "service", "50000"),
    6: ("Voucher", 1, None, "consu", "0"),
    7: ("Masker Lama", 3, 1, "product", "35000"),
    8: ("Sunscreen SPF 50", 2, None, "product", "99000"),
}


OF_GOODS = (locations, lots, open_purchase_lines, product_costs_now, taxes, uoms, users)


@dataclass(frozen=True)
class Shop:
    """The retailer's facts as frames, each by the contract of its fact."""

    sales: pl.DataFrame
    payments: pl.DataFrame
    purchases: pl.DataFrame
    invoices: pl.DataFrame
    moves: pl.DataFrame
    stock: pl.DataFrame

    @property
    def sold(self) -> pl.DataFrame:
        """Lines of every source in the shape of ``sales``; a document's order_id is - move_id.

        Without the document of a POS order, whose lines are in ``sales``.
        """
        own = self.invoices.filter(pl.col("move_id") != goods.POS_INVOICE)
        as_sales = own.with_columns(
            order_id=-pl.col("move_id"), is_refund=pl.col("line_kind") == "return"
        )
        shared = [name for name in self.sales.columns if name in as_sales.columns]
        return pl.concat([self.sales, as_sales.select(shared)], how="diagonal")


def settings(root: Path, **changes: Any) -> Settings:
    """Settings whose lake and state are in ``root`` and whose clock stands at NOW."""
    state = {"nkdash_state_dir": root / "state"} | changes
    return Settings(_env_file=None, data_lake_root=root, nkdash_now=NOW, **state)


def loaded_days() -> list[date]:
    """The days in the lake."""
    return [day for day in days_between(FIRST, TODAY) if day != LOST_DAY]


def make_shop(seed: int = 7) -> Shop:
    """The same rows for the same seed."""
    rng = Random(seed)
    lines: list[dict[str, Any]] = []
    payments: list[dict[str, Any]] = []
    order = 0
    for day in loaded_days():
        if day == EMPTY_DAY:
            continue
        for _ in range(rng.randint(4, 9)):
            order += 1
            _order(rng, day, order, lines, payments)
    sales = _frame(lines, pos_order_lines.FACT)
    tables = {table.name: _rows(table, rows).lazy() for table, rows in _dimensions()}
    bills = goods.bought(tables)
    invoices = goods.invoiced(loaded_days(), sales, tables)
    moves, stock = goods.moved(loaded_days(), sales, bills, invoices)
    return Shop(sales, _frame(payments, pos_payments.FACT), bills, invoices, moves, stock)


def _frame(rows: list[dict[str, Any]], table: Table) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=table.schema)


def _order(
    rng: Random,
    day: date,
    order: int,
    lines: list[dict[str, Any]],
    payments: list[dict[str, Any]],
) -> None:
    store = rng.choice([1, 1, 2, 2, 2, 3])
    company = STORES[store][0]
    cashier = rng.choice([1, 2, 3, None])
    customer = rng.choice([None, None, 11, 12])
    local = datetime.combine(day, time(rng.randint(10, 20), rng.randint(0, 59)))
    refund = rng.random() < 0.06
    shared = {
        "date": day,
        "order_id": order,
        "order_ref": f"{STORES[store][1]}/{order:04d}",
        "ordered_at": local - timedelta(hours=7),
        "ordered_at_local": local,
        "order_state": "paid" if day == TODAY else "done",
        "company_id": company,
        "pos_config_id": store,
        "session_id": day.toordinal() * 10 + store,
        "user_id": 2,
        "cashier_id": cashier,
        "customer_id": customer,
        "account_move_id": goods.POS_INVOICE if order == goods.INVOICED_ORDER else None,
        "hour": local.hour,
        "odoo_cost": None,
    }
    total = Decimal(0)
    for number in range(rng.randint(1, 4)):
        product = rng.choice([1, 2, 3, 4, 5])
        quantity = Decimal(rng.choice(["1", "1", "2", "3", "0.5"]))
        if refund or rng.random() < 0.04:
            quantity = -quantity
        discount = Decimal(rng.choice(["0", "0", "0", "10", "25", "100"]))
        price = Decimal(PRODUCTS[product][4]) / (10_000 if company == 2 else 1)
        line = _line(shared, order * 10 + number, product, quantity, price, discount)
        total += line["revenue_tax_in"]
        lines.append(line)
    if not refund and rng.random() < 0.1:
        voucher = Decimal(-5) if company == 2 else Decimal(-10_000)
        line = _line(shared, order * 10 + 9, 6, Decimal(1), voucher, Decimal(0))
        total += line["revenue_tax_in"]
        lines.append(line)
    _pay(rng, shared, order, total, payments)


def _line(
    shared: dict[str, Any],
    line: int,
    product: int,
    quantity: Decimal,
    price: Decimal,
    discount: Decimal,
) -> dict[str, Any]:
    service = PRODUCTS[product][3] == "service"
    kind = (
        "discount"
        if price < 0
        else "return"
        if quantity < 0
        else "free"
        if discount == 100
        else "service"
        if service
        else "sale"
    )
    full = (price * quantity).quantize(CENT)
    revenue = (full * (100 - discount) / 100).quantize(CENT)
    gross = Decimal(0) if kind == "discount" else full
    net = (revenue / Decimal("1.11")).quantize(CENT)
    return {
        **shared,
        "line_id": line,
        "product_id": product,
        "quantity": quantity,
        "price_unit": price,
        "discount_pct": discount,
        "line_kind": kind,
        "gross_tax_in": gross,
        "discount_tax_in": gross - revenue,
        "net_tax_ex": net,
        "revenue_tax_in": revenue,
        "tax": revenue - net,
        "is_refund": kind == "return",
    }


def _pay(
    rng: Random,
    shared: dict[str, Any],
    order: int,
    total: Decimal,
    payments: list[dict[str, Any]],
) -> None:
    change = Decimal(rng.choice([0, 0, 400]))
    parts = [(rng.choice([1, 2, 3]), total + change, False)]
    if change:
        parts.append((1, -change, True))
    if rng.random() < 0.1:
        half = (parts[0][1] / 2).quantize(CENT)
        parts[0] = (2, half, False)
        parts.append((3, total + change - half, False))
    kept = ("date", "order_id", "company_id", "pos_config_id", "session_id", "cashier_id")
    for number, (method, amount, is_change) in enumerate(parts):
        payments.append(
            {
                **{key: shared[key] for key in kept},
                "customer_id": shared["customer_id"],
                "payment_id": order * 10 + number,
                "paid_at": shared["ordered_at"],
                "payment_method_id": method,
                "amount": amount,
                "is_change": is_change,
            }
        )


def write_lake(root: Path, shop: Shop) -> None:
    """Write the retailer's star schema into the lake at ``root``."""
    days = loaded_days()
    for table, frame in (
        (pos_order_lines.FACT, shop.sales),
        (pos_payments.FACT, shop.payments),
        (purchases.FACT, shop.purchases),
        (invoice_sales.FACT, shop.invoices),
        (inventory_moves.FACT, shop.moves),
    ):
        write_days(root, Layer.STAR, table, frame, days, as_of=AS_OF)
    taken = shop.stock.get_column("date").unique().sort().to_list()
    write_days(root, Layer.STAR, stock_quants.FACT, shop.stock, taken, as_of=AS_OF)
    for table, rows in _dimensions():
        write_table(root, Layer.STAR, table, _rows(table, rows), as_of=AS_OF)


def _rows(table: Table, rows: list[dict[str, Any]]) -> pl.DataFrame:
    blank = dict.fromkeys(table.schema.names())
    return pl.DataFrame([{**blank, **row} for row in rows], schema=table.schema)


def _dimensions() -> list[tuple[Table, list[dict[str, Any]]]]:
    def named(key: str, names: dict[int, str], **more: Any) -> list[dict[str, Any]]:
        return [{key: i, "name": name, **more} for i, name in names.items()]

    rupiah = {"currency_id": 12, "currency": "IDR", "currency_symbol": "Rp", "decimal_places": 2}
    singapore = {"currency_id": 37, "currency": "SGD", "currency_symbol": "S$", "decimal_places": 2}
    people = {11: "Budi", 12: "Sari", 91: "PT Paragon", 92: 'UD "Makmur"', **goods.PARTNERS}
    of_goods = goods.dimension_rows()
    return [
        *((module.TABLE, of_goods[module.TABLE.name]) for module in OF_GOODS),
        (
            companies.TABLE,
            [
                {"company_id": 1, "name": "PT Utama", **rupiah},
                {"company_id": 2, "name": "Second Pte", **singapore},
            ],
        ),
        (
            pos_configs.TABLE,
            [
                {
                    "pos_config_id": i,
                    "name": name,
                    "company_id": company,
                    "warehouse_id": goods.STORE_STOCK[i],
                    "active": True,
                }
                for i, (company, name) in STORES.items()
            ],
        ),
        (employees.TABLE, named("employee_id", CASHIERS, active=True)),
        (partners.TABLE, named("partner_id", people, is_company=False, active=True)),
        (
            payment_methods.TABLE,
            [
                {"payment_method_id": i, "name": name, "is_cash": cash, "active": True}
                for i, (name, cash) in METHODS.items()
            ],
        ),
        (categories.TABLE, [_category(i) for i in CATEGORIES]),
        (
            brands.TABLE,
            [
                {"brand_id": i, "name": name, "principal_id": principal, "active": True}
                for i, (name, principal) in BRANDS.items()
            ],
        ),
        (
            products.TABLE,
            [
                {
                    "product_id": i,
                    "name": name,
                    "sku": f"NK-{i:03d}",
                    "category_id": category,
                    "brand_id": brand,
                    "uom_id": goods.PIECE,
                    "purchase_tax_ids": [goods.VAT_IN],
                    "list_price": Decimal(price),
                    "type": kind,
                    "storable": kind == "product",
                    "active": i != 3,
                }
                for i, (name, category, brand, kind, price) in PRODUCTS.items()
            ],
        ),
    ]


def _category(category: int) -> dict[str, Any]:
    chain = [category]
    while (parent := CATEGORIES[chain[0]][1]) is not None:
        chain.insert(0, parent)
    return {
        "category_id": category,
        "name": CATEGORIES[category][0],
        "parent_id": CATEGORIES[category][1],
        "path": " / ".join(CATEGORIES[i][0] for i in chain),
        "root_id": chain[1] if len(chain) > 1 else chain[0],
        "level": len(chain),
    }


def publish_shop(root: Path, shop: Shop) -> Settings:
    """Write the lake, publish it, and give the settings to read it with."""
    chosen = settings(root)
    write_lake(root, shop)
    publish(chosen, catalog(chosen))
    return chosen


def catalog(chosen: Settings) -> Catalog:
    """The catalog of the retailer."""
    return load_catalog(chosen)
