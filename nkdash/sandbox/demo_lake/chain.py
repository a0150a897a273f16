"""The chain of shops whose years the demo lake holds: goods, shops, people, and how busy a day is.

The goods are the sandbox's (``nkdash.sandbox.retailer.catalog``); there are more shops, and a few
products sell most. Days are counted from DAY_ZERO.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from nkdash.contracts import Table
from nkdash.datasets.spec import Field
from nkdash.dimensions.spec import Dimension
from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer import places
from nkdash.sandbox.retailer.catalog import Catalog, Floats, Ints
from nkdash.sandbox.retailer.tables import lore

DAY_ZERO = date(2020, 1, 1)
_CITIES = (
    "Senayan", "Kelapa Gading", "Depok", "Bekasi", "Bogor", "Dago", "Semarang", "Solo", "Malang",
    "Denpasar", "Makassar", "Medan", "Palembang", "Pekanbaru", "Padang", "Batam", "Lampung",
    "Banjarmasin", "Balikpapan", "Samarinda", "Manado", "Cirebon", "Serang", "Mataram",
)  # fmt: skip
EMPLOYEES_PER_SHOP = 6
SHIFT = EMPLOYEES_PER_SHOP // 2

_WEEKDAYS = (0.84, 0.82, 0.88, 0.93, 1.12, 1.42, 1.36)
_MONTHS = (0.93, 0.9, 0.97, 1.0, 0.98, 1.0, 1.02, 1.0, 0.98, 1.0, 1.05, 1.17)
_LEBARAN = tuple(
    date.fromisoformat(day)
    for day in (
        "2020-05-24", "2021-05-13", "2022-05-02", "2023-04-22", "2024-04-10", "2025-03-31",
        "2026-03-20", "2027-03-09", "2028-02-26", "2029-02-14", "2030-02-04",
    )
)  # fmt: skip
LINES_AN_ORDER = np.array([0.27, 0.25, 0.17, 0.11, 0.075, 0.05, 0.03, 0.02, 0.012, 0.008, 0.005])
_EXTRAS_AN_ORDER, _RETURNS_AN_ORDER = 0.195, 0.035
_ZIPF, _HEAD = 0.92, 12
_LISTED, _LISTED_EVERYWHERE = 0.10, 0.12
_NEW, _NOT_LISTED_SALES = 0.25, 0.004


@dataclass(frozen=True)
class Size:
    """How large a demo lake is; ``lines`` is about how many POS lines it gets."""

    lines: int = 10_000_000
    days: int = 1_096
    products: int = 54_000
    stores: int = 12
    seed: int = 1


@dataclass(frozen=True)
class Chain:
    """The chain on the days from ``first`` to ``last``; arrays are by store and by regular product
    (row 0 is FIRST_PRODUCT)."""

    size: Size
    first: int
    last: int
    goods: Catalog
    names: tuple[str, ...]
    weights: Floats
    opened: Ints

    @property
    def stores(self) -> int:
        """How many shops there are."""
        return len(self.names)

    @property
    def products(self) -> int:
        """How many regular products there are."""
        return len(self.goods.prices)

    @cached_property
    def by_rank(self) -> Ints:
        """Regular products, the most popular first."""
        return np.random.default_rng([self.size.seed, 10]).permutation(self.products)

    @cached_property
    def rank(self) -> Ints:
        """The rank of each product in popularity, 0 the first."""
        return np.argsort(self.by_rank)

    @cached_property
    def companions(self) -> Ints:
        """A product often bought with each: its neighbour in popularity."""
        partner = np.minimum(self.rank ^ 1, self.products - 1)
        return np.asarray(self.by_rank[partner])

    @cached_property
    def launched(self) -> Ints:
        """The day from which each product is sold; most have always been."""
        u = np.random.default_rng([self.size.seed, 11]).random(self.products)
        span = self.last - self.first
        # The bestsellers are not newcomers.
        is_new = (u < _NEW) & (self.rank > self.products // 50)
        return np.where(is_new, self.first + (u / _NEW * span * 0.95).astype(np.int64), 0)

    @cached_property
    def listed(self) -> Any:
        """(stores, products): what each shop keeps; the popular everywhere, the others in some."""
        u = np.random.default_rng([self.size.seed, 12]).random((self.stores, self.products))
        return (u < _LISTED) | (self.rank < _LISTED_EVERYWHERE * self.products)

    def shares(self, day: int) -> Floats:
        """(stores, products): each product's share of the lines that a shop sells about ``day``."""
        weight = 1.0 / (self.rank + _HEAD) ** _ZIPF
        phase = (self.by_rank % 12)[self.rank] / 12
        season = 1 + 0.25 * np.sin(2 * np.pi * (day / 365.25 + phase))
        sold = np.where(self.launched + 14 <= day, weight * season, 0.0)
        of_store = np.where(self.listed, sold, sold * _NOT_LISTED_SALES)
        return np.asarray(of_store / of_store.sum(axis=1, keepdims=True))

    def store_shares(self, day: int) -> Floats:
        """Each shop's share of a day's orders; 0 before it opens."""
        open_ = np.where(self.opened <= day, self.weights, 0.0)
        return np.asarray(open_ / open_.sum())

    @cached_property
    def orders(self) -> Mapping[int, float]:
        """The orders to expect on each day, so that the lines add up to about what was asked."""
        days = range(self.first, self.last + 1)
        busy = np.array([_demand(day_of(day)) * self._grown(day) for day in days])
        per_order = float((LINES_AN_ORDER * np.arange(1, len(LINES_AN_ORDER) + 1)).sum())
        per_order = per_order / float(LINES_AN_ORDER.sum()) + _EXTRAS_AN_ORDER + _RETURNS_AN_ORDER
        return dict(
            zip(days, (busy / busy.sum() * self.size.lines / per_order).tolist(), strict=True)
        )

    def _grown(self, day: int) -> float:
        open_ = float(self.weights[self.opened <= day].sum()) / float(self.weights.sum())
        return open_ * (1 + 0.12 * (day - self.first) / 365)


def day_of(number: int) -> date:
    """The date of a day counted from DAY_ZERO."""
    return date.fromordinal(DAY_ZERO.toordinal() + number)


def number_of(day: date) -> int:
    """A date as a day counted from DAY_ZERO."""
    return day.toordinal() - DAY_ZERO.toordinal()


def _demand(day: date) -> float:
    """How busy a day is: weekday, month, payday, twin dates, the weeks before Lebaran."""
    busy = _WEEKDAYS[day.weekday()] * _MONTHS[day.month - 1]
    if day.day >= 25 or day.day <= 3:
        busy *= 1.18
    if day.day == day.month and day.month >= 9:
        busy *= 1.5
    before = min(((feast - day).days for feast in _LEBARAN), key=lambda gap: abs(gap - 8))
    if 0 < before <= 21:
        busy *= 1.45
    if -1 <= before <= 0:
        busy *= 0.35
    return busy


def build_chain(size: Size, last: date) -> Chain:
    """The chain of ``size`` whose last day is ``last``; two of its shops opened on the way."""
    end = number_of(last)
    first = end - size.days + 1
    names = [*c.shop_names(), *(f"Kilau {city}" for city in _CITIES)]
    names += [f"Kilau {n}" for n in range(len(names) + 1, size.stores + 1)]
    weights = np.array([1.0 / (n + 3) ** 0.7 for n in range(size.stores)])
    opened = np.full(size.stores, 0)
    if size.stores > 3:
        opened[-1], opened[-2] = first + int(0.62 * size.days), first + int(0.3 * size.days)
    customers = max(200, size.lines // 80)
    goods = c.build_catalog(size.seed, size.products, customers)
    return Chain(size, first, end, goods, tuple(names[: size.stores]), weights, opened)


def dimension_frames(
    chain: Chain, dimensions: tuple[Dimension, ...], costs: Table
) -> dict[str, pl.DataFrame]:
    """The rows of every dimension that is known before the first day, by the name of its table, of
    opening costs (``costs``) too."""
    raw = {model: table.frame for model, table in chain.goods.tables.items()}
    raw |= {**_places(chain), **_people(chain), **_goods(raw), "res.company": _company(raw)}
    frames = {}
    for dimension in dimensions:
        # Brands are read from a model whose name is a setting.
        model = "x_product_brand" if dimension.table.name == "dim_brands" else dimension.model
        if model in raw:
            frames[dimension.table.name] = made(dimension, raw[model])
    return frames | {costs.name: _opening_costs(chain, costs)}


def made(dimension: Dimension, frame: pl.DataFrame) -> pl.DataFrame:
    """A dimension of the records in ``frame``; fields that they lack are null."""
    shaped = frame.lazy().select(
        *(_field(frame, f).cast(f.dtype).alias(f.raw_name) for f in dimension.fields),
        *([pl.lit(c.COMPANY, pl.Int64).alias("company_id")] if dimension.per_company else []),
    )
    return dimension.make(shaped).collect()


def _field(frame: pl.DataFrame, field: Field) -> pl.Expr:
    """A field of a raw record, by Odoo's name or by that of its column; null where it has none."""
    known = [name for name in (field.name, field.raw_name) if name in frame.columns]
    return pl.col(known[0]) if known else pl.lit(None)


def _company(raw: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    currency = raw["res.currency"].filter(pl.col("id") == c.IDR).row(0, named=True)
    read = ("name", "symbol", "decimal_places")
    return raw["res.company"].with_columns(
        **{f"currency_id.{name}": pl.lit(currency[name]) for name in read}
    )


def _goods(raw: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Products with what Odoo reads from their templates, and brands."""
    own = raw["product.product"].columns
    templates = raw["product.template"].drop([name for name in own if name != "id"], strict=False)
    products = raw["product.product"].join(templates, on="id", how="left", maintain_order="left")
    return {
        "product.product": products.with_columns(brand_id="x_studio_brand_id"),
        "x_product_brand": raw["x_product_brand"].with_columns(
            display_name="x_name", principal_id="x_studio_partner_id"
        ),
    }


def _opening_costs(chain: Chain, table: Table) -> pl.DataFrame:
    """What the goods of the first days cost, of most products: the CSV of a careful bookkeeper."""
    u = np.random.default_rng([chain.size.seed, 13]).random(chain.products)
    regular = chain.goods.products.filter(pl.col("product_id") >= c.FIRST_PRODUCT)
    known = pl.Series((chain.launched == 0) & (u < 0.96))
    return regular.filter(known).select(
        product_id="product_id",
        company_id=pl.lit(None, pl.Int64),
        from_date=pl.lit(None, pl.Date),
        cost_unit=(pl.col("cost") * 0.94).round(0).cast(table.schema["cost_unit"]),
        tax_included=pl.lit(False),
        notes=pl.lit("Saldo awal"),
    )


def cash_method(store: Any) -> Any:
    """The payment method of a shop's till."""
    return c.FIRST_CASH + store


def stores_stock(store: Any) -> Any:
    """The stock location of a shop by its number."""
    return places.shop_stock(0) + (places.shop_stock(1) - places.shop_stock(0)) * store


def _people(chain: Chain) -> dict[str, pl.DataFrame]:
    """Employees, users, shops and payment methods, as Odoo would hold them."""
    first, last = lore()["first_names"], lore()["last_names"]
    staff = range(chain.stores * EMPLOYEES_PER_SHOP)
    shops = list(range(chain.stores))
    shared = {c.QRIS: "QRIS", c.DEBIT: "Debit BCA", c.CREDIT: "Kartu Kredit", c.EWALLET: "GoPay"}
    shared |= {c.ON_ACCOUNT: "Piutang Pelanggan"}
    common = {"active": pl.lit(True), "company_id": pl.lit(c.COMPANY, pl.Int64)}
    employees = pl.DataFrame(
        {
            "id": [c.FIRST_EMPLOYEE + n for n in staff],
            "name": [f"{first[(7 * n) % len(first)]} {last[(11 * n) % len(last)]}" for n in staff],
            "user_id": [c.FIRST_USER + n // EMPLOYEES_PER_SHOP for n in staff],
        }
    )
    users = pl.DataFrame(
        {
            "id": [c.ADMIN_USER, *(c.FIRST_USER + n for n in shops)],
            "name": ["Administrator", *(f"Kasir {name}" for name in chain.names)],
        }
    )
    methods = pl.DataFrame(
        {
            "id": [*shared, *(cash_method(n) for n in shops)],
            "name": [*shared.values(), *(f"Tunai {name}" for name in chain.names)],
        }
    )
    configs = pl.DataFrame(
        {
            "id": [c.FIRST_SHOP + n for n in shops],
            "name": chain.names,
            "picking_type_id.warehouse_id": [c.shop_warehouse(n) for n in shops],
        }
    )
    return {
        "hr.employee": employees.with_columns(**common),
        "res.users": users.with_columns(**common),
        "pos.config": configs.with_columns(**common),
        "pos.payment.method": methods.with_columns(
            **common, is_cash_count=pl.col("id") >= c.FIRST_CASH
        ),
    }


def _places(chain: Chain) -> dict[str, pl.DataFrame]:
    """Locations (the main warehouse, a stock a shop, transit, where goods come from and go to) and
    lots."""
    houses = [("GP", places.STOCK, "Gudang Pusat")]
    houses += [(name, int(stores_stock(n)), name) for n, name in enumerate(chain.names)]
    fixed = [
        (places.VENDORS, "Vendors", "Partners/Vendors", "supplier", None),
        (places.CUSTOMERS, "Customers", "Partners/Customers", "customer", None),
        (places.TRANSIT, "Inter-warehouse transit", "Inter-warehouse transit", "transit", None),
        (places.ADJUSTMENT, "Inventory adjustment", "Virtual/Adjustment", "inventory", None),
        (places.PRODUCTION, "Production", "Virtual/Production", "production", None),
        (places.SCRAP, "Scrap", "Virtual/Scrap", "inventory", None),
    ]
    kept = [
        (stock, "Stock", f"{code}/Stock", "internal", n + 1)
        for n, (code, stock, _) in enumerate(houses)
    ]
    fields = ["id", "name", "complete_name", "usage", "warehouse_id"]
    names = {n + 1: name for n, (_, _, name) in enumerate(houses)}
    locations = pl.DataFrame([*fixed, *kept], schema=fields, orient="row").with_columns(
        pl.col("warehouse_id")
        .replace_strict(names, default=None, return_dtype=pl.String)
        .alias("warehouse_id.name"),
        active=pl.lit(True),
        scrap_location=pl.col("id") == places.SCRAP,
        company_id=pl.when(pl.col("usage").is_in(["internal", "transit"])).then(
            pl.lit(c.COMPANY, pl.Int64)
        ),
    )
    lots = chain.goods.products.drop_nulls("lot_id").select(
        "product_id",
        id="lot_id",
        name=pl.format("LOT-{}", pl.col("lot_id").cast(pl.String).str.zfill(6)),
        company_id=pl.lit(c.COMPANY, pl.Int64),
    )
    return {"stock.location": locations, "stock.lot": lots}
