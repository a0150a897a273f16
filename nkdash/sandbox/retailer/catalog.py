"""What the retailer has before it sells: shops, people, products, taxes, payment methods."""

from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nkdash.sandbox.retailer.tables import lore, table
from nkdash.sandbox.store import Table

IDR, USD = 12, 1
COMPANY = 1
UNITS, DOZENS = 1, 2
TAX_EXCLUDED, TAX_INCLUDED = 1, 7
BILL_TAX, BILL_TAX_INCLUDED, WITHHELD = 2, 8, 9
QRIS, DEBIT, CREDIT, EWALLET, ON_ACCOUNT = 1, 2, 3, 4, 5
FIRST_CASH = 11
ADMIN_USER, FIRST_USER = 2, 6
FIRST_SHOP = 2
FIRST_EMPLOYEE = 1
EMPLOYEES_PER_SHOP = 4
FIRST_PRINCIPAL = 101
FIRST_SERVICE, FIRST_BUSINESS = 151, 201
FIRST_CUSTOMER = 1001
BAG, VOUCHER, FACIAL, CLASS, GIFT = 1, 2, 3, 4, 5
FIRST_PRODUCT = 11
SPECIALS = 5

SALES_JOURNAL, BILLS_JOURNAL, MISC_JOURNAL, POS_JOURNAL = 1, 2, 3, 4
RECEIPTS, DELIVERIES, INTERNAL, POS_ORDERS = 1, 2, 3, 4
MAIN_WAREHOUSE = 1

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Catalog:
    """The tables, and the arrays that sales are drawn from (by product row, 0 = FIRST_PRODUCT).

    ``prices`` are whole rupiah, ``taxes`` the tax id or 0, ``share`` the cumulated popularity,
    ``companions`` a product often bought with each. ``products`` has product_id, label and cost
    of all products, the special ones too; for those that stock moves are made of also vendor (its
    number), storable and lot_id.
    """

    tables: dict[str, Table]
    products: pl.DataFrame
    prices: Ints
    taxes: Ints
    brands: Ints
    share: Floats
    companions: Ints
    customers: int

    @property
    def popularity(self) -> Floats:
        """Each regular product's share of what is sold, not cumulated."""
        return np.diff(self.share, prepend=0.0)


def build_catalog(seed: int, products: int, customers: int) -> Catalog:
    """Everything but sales; the same arguments give the same catalog."""
    rng = np.random.default_rng([seed, 1])
    regular = max(1, products - SPECIALS)
    goods = _goods(rng, regular)
    vendor = _vendors(goods["brand"])
    tables = [
        *_company(),
        *_people(rng, customers),
        *_shops(),
        *_categories_and_brands(),
        *_products(goods, vendor),
    ]
    by_model = {t.model: t for t in tables}
    template, product = (by_model[m].frame for m in ("product.template", "product.product"))
    kind = template["type"]
    number = pl.Series(np.concatenate([np.full(SPECIALS, len(vendor_names()) - 1), vendor]))
    lot = pl.select(
        pl.when(template["tracking"] == "lot").then(template["id"] - FIRST_PRODUCT + 1)
    ).to_series()
    return Catalog(
        tables=by_model,
        products=pl.DataFrame(
            {
                "product_id": product["id"],
                "label": pl.select(
                    pl.format("[{}] {}", template["default_code"], template["name"])
                ).to_series(),
                "cost": product["standard_price"],
                "vendor": pl.select(pl.when(kind != "service").then(number)).to_series(),
                "storable": kind == "product",
                "lot_id": lot,
            }
        ),
        prices=goods["price"],
        taxes=goods["tax"],
        brands=goods["brand"],
        share=np.cumsum(goods["weight"]) / goods["weight"].sum(),
        companions=goods["companion"],
        customers=customers,
    )


def shop_names() -> list[str]:
    return [shop["name"] for shop in lore()["shops"]]


def employee_names() -> list[str]:
    """One name for each employee, shop by shop."""
    first, last = lore()["first_names"], lore()["last_names"]
    many = len(shop_names()) * EMPLOYEES_PER_SHOP
    return [f"{first[(7 * n) % len(first)]} {last[(11 * n) % len(last)]}" for n in range(many)]


def shop_warehouse(shop: int) -> int:
    """The warehouse of a shop by its number."""
    return MAIN_WAREHOUSE + 1 + shop


def picking_type(warehouse: int, kind: int) -> int:
    """The picking type of one of the four kinds in a warehouse."""
    return 10 * warehouse + kind


def vendor_names() -> list[str]:
    """The vendors of goods by their number: the principals, then the maker of all else."""
    return [*_principals(), lore()["own_brand_maker"]]


def vendor_tax(vendor: int) -> int:
    """The tax on a vendor's bills: most add it, some prices hold it, a few charge none (0)."""
    return {3: BILL_TAX_INCLUDED, 7: BILL_TAX_INCLUDED, 5: 0}.get(vendor, BILL_TAX)


def _principals() -> list[str]:
    return sorted({brand["principal"] for brand in lore()["brands"] if brand["principal"]})


def _vendors(brand: Ints) -> Ints:
    """The number of the vendor of each regular product."""
    names = vendor_names()
    of_brand = [names.index(b["principal"] or names[-1]) for b in lore()["brands"]]
    return np.array(of_brand, dtype=np.int64)[brand]


def _company() -> list[Table]:
    name = lore()["company"]
    return [
        table(
            "res.currency",
            {
                "id": [USD, IDR],
                "name": ["USD", "IDR"],
                "full_name": ["United States dollar", "Indonesian rupiah"],
                "symbol": ["$", "Rp"],
                "position": "before",
                "rounding": 0.01,
                "decimal_places": 2,
                "active": [False, True],
            },
        ),
        table(
            "res.company",
            {
                "id": [COMPANY],
                "name": name,
                "partner_id": 1,
                "currency_id": IDR,
                "sequence": 10,
                "active": True,
                "parent_path": "1/",
                "account_sale_tax_id": TAX_INCLUDED,
            },
        ),
        table("uom.category", {"id": [1], "name": "Unit"}),
        table(
            "uom.uom",
            {
                "id": [UNITS, DOZENS],
                "name": ["Units", "Dozens"],
                "category_id": 1,
                "factor": [1.0, 1 / 12],
                "factor_inv": [1.0, 12.0],
                "ratio": [1.0, 12.0],
                "rounding": 0.01,
                "uom_type": ["reference", "bigger"],
                "active": True,
            },
        ),
        table(
            "account.tax",
            {
                "id": [TAX_EXCLUDED, BILL_TAX, TAX_INCLUDED, BILL_TAX_INCLUDED, WITHHELD],
                "name": [
                    "PPN 11%",
                    "PPN Masukan 11%",
                    "PPN 11% (incl)",
                    "PPN Masukan 11% (incl)",
                    "PPh 23 -2%",
                ],
                "amount": [11.0, 11.0, 11.0, 11.0, -2.0],
                "amount_type": "percent",
                "type_tax_use": ["sale", "purchase", "sale", "purchase", "purchase"],
                "price_include": [False, False, True, True, False],
                "include_base_amount": False,
                "sequence": 1,
                "active": True,
                "company_id": COMPANY,
                "invoice_label": ["PPN 11%", "PPN-M 11%", "PPN 11% incl", "PPN-M incl", "PPh 23"],
            },
        ),
    ]


def _people(rng: np.random.Generator, customers: int) -> list[Table]:
    content = lore()
    shops, staff = len(shop_names()), employee_names()
    vendors, services = vendor_names(), [service["vendor"] for service in content["services"]]
    businesses = content["businesses"]
    first, last = pl.Series(content["first_names"]), pl.Series(content["last_names"])
    given = first[rng.integers(0, first.len(), customers)]
    family = last[rng.integers(0, last.len(), customers)]
    people = pl.select(pl.format("{} {}", given, family)).to_series()
    phones = pl.Series([f"+62 8{n}" for n in rng.integers(1_100_000_000, 9_999_999_999, customers)])
    owners = [content["company"], "OdooBot", "Administrator"]
    user_ids = [1, 2, *range(FIRST_USER, FIRST_USER + shops)]
    user_partners = [2, 3, *range(11, 11 + shops)]
    known = [owners, staff[::EMPLOYEES_PER_SHOP], vendors, services, businesses]
    names = pl.concat([*(pl.Series(group) for group in known), people])
    ids = [1, 2, 3, *range(11, 11 + shops)]
    ids += [FIRST_PRINCIPAL + n for n in range(len(vendors))]
    ids += [FIRST_SERVICE + n for n in range(len(services))]
    ids += [FIRST_BUSINESS + n for n in range(len(businesses))]
    ids += [FIRST_CUSTOMER + n for n in range(customers)]
    others = len(ids) - customers
    numbers = np.arange(len(ids))
    none = pl.Series([None] * others, dtype=pl.String)
    is_company = (numbers == 0) | ((numbers >= 3 + shops) & (numbers < others))
    partners = table(
        "res.partner",
        {
            "id": ids,
            "name": names,
            "complete_name": names,
            "active": numbers != 1,
            "is_company": is_company,
            "type": "contact",
            "lang": "en_US",
            "phone": pl.concat([none, phones]),
            "customer_rank": np.where(numbers >= others - len(businesses), 1, 0),
            "supplier_rank": np.where(
                is_company & (numbers > 0) & (numbers < others - len(businesses)), 1, 0
            ),
            "partner_share": numbers >= 3 + shops,
            "commercial_partner_id": np.array(ids),
        },
    )
    users = table(
        "res.users",
        {
            "id": user_ids,
            "login": ["__system__", "admin", *(f"kasir{n + 1}" for n in range(shops))],
            "partner_id": user_partners,
            "active": [False, *[True] * (shops + 1)],
            "company_id": COMPANY,
            "company_ids": [COMPANY],
            "share": False,
        },
    )
    employees = table(
        "hr.employee",
        {
            "id": [FIRST_EMPLOYEE + n for n in range(len(staff))],
            "name": staff,
            "active": True,
            "company_id": COMPANY,
            "employee_type": "employee",
            "job_title": [
                "Kepala Toko" if n % EMPLOYEES_PER_SHOP == 0 else "Kasir" for n in range(len(staff))
            ],
            "user_id": [
                FIRST_USER + n // EMPLOYEES_PER_SHOP if n % EMPLOYEES_PER_SHOP == 0 else None
                for n in range(len(staff))
            ],
        },
    )
    return [partners, users, employees]


def _shops() -> list[Table]:
    names = shop_names()
    shop_ids = [FIRST_SHOP + n for n in range(len(names))]
    shared = [QRIS, DEBIT, CREDIT, EWALLET, ON_ACCOUNT]
    cash = [FIRST_CASH + n for n in range(len(names))]
    configs = table(
        "pos.config",
        {
            "id": shop_ids,
            "name": names,
            "active": True,
            "company_id": COMPANY,
            "module_pos_hr": True,
            "payment_method_ids": [[till, *shared] for till in cash],
            "iface_tax_included": "total",
            "warehouse_id": [shop_warehouse(shop) for shop in range(len(names))],
            "picking_type_id": [
                picking_type(shop_warehouse(shop), POS_ORDERS) for shop in range(len(names))
            ],
            "journal_id": POS_JOURNAL,
            "invoice_journal_id": SALES_JOURNAL,
        },
    )
    methods = table(
        "pos.payment.method",
        {
            "id": shared + cash,
            "name": [
                "QRIS",
                "Debit BCA",
                "Kartu Kredit",
                "GoPay",
                "Piutang Pelanggan",
                *(f"Tunai {name}" for name in names),
            ],
            "sequence": 0,
            "active": True,
            "company_id": COMPANY,
            "is_cash_count": [False] * len(shared) + [True] * len(cash),
            "split_transactions": [method == ON_ACCOUNT for method in shared + cash],
            "config_ids": [shop_ids] * len(shared) + [[shop] for shop in shop_ids],
        },
    )
    return [configs, methods]


def _categories() -> list[dict[str, Any]]:
    """Every category: id, name, parent and path."""
    rows: list[dict[str, Any]] = [
        {"id": 1, "name": "All", "parent_id": None, "complete_name": "All", "parent_path": "1/"}
    ]
    ids = count(2)
    extra: list[dict[str, Any]] = [
        {"name": name, "categories": []} for name in ("Layanan", "Kemasan & Voucher")
    ]
    for department in [*lore()["departments"], *extra]:
        top = _child(next(ids), department["name"], rows[0])
        rows.append(top)
        rows += [_child(next(ids), c["name"], top) for c in department["categories"]]
    return rows


def _child(id_: int, name: str, parent: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "parent_id": parent["id"],
        "complete_name": f"{parent['complete_name']} / {name}",
        "parent_path": f"{parent['parent_path']}{id_}/",
    }


def _category_id(name: str) -> int:
    return next(int(row["id"]) for row in _categories() if row["name"] == name)


def _categories_and_brands() -> list[Table]:
    rows = _categories()
    brands = lore()["brands"]
    principals = _principals()
    return [
        table("product.category", {key: [row[key] for row in rows] for key in rows[0]}),
        table(
            "x_product_brand",
            {
                "id": list(range(1, len(brands) + 1)),
                "x_name": [brand["name"] for brand in brands],
                "x_active": True,
                "x_studio_partner_id": [
                    FIRST_PRINCIPAL + principals.index(b["principal"]) if b["principal"] else None
                    for b in brands
                ],
            },
        ),
    ]


def _goods(rng: np.random.Generator, many: int) -> dict[str, Any]:
    """The regular products as arrays, a row each."""
    content = lore()
    kinds = [(d, c) for d in content["departments"] for c in d["categories"]]
    kind = rng.choice(len(kinds), many, p=_shares([d["weight"] * c["weight"] for d, c in kinds]))
    brands = content["brands"]
    brand = rng.choice(len(brands), many, p=_shares([b["weight"] for b in brands]))
    noun = rng.random(many)
    nouns = [
        kinds[k][1]["nouns"][int(n * len(kinds[k][1]["nouns"]))]
        for k, n in zip(kind, noun, strict=True)
    ]
    shaded = np.array([bool(c.get("shades")) for _, c in kinds])[kind]
    texts = {name: pl.Series(content[name]) for name in ("variants", "sizes", "shades")}
    picks = {name: text[rng.integers(0, text.len(), many)] for name, text in texts.items()}
    plain = pl.format("{} {}", picks["variants"], picks["sizes"])
    tail = pl.when(pl.Series(shaded)).then(picks["shades"]).otherwise(plain)
    label = pl.format(
        "{} {} {}", pl.Series([b["name"] for b in brands])[brand], pl.Series(nouns), tail
    )
    base = np.array([c["price"] for _, c in kinds])[kind]
    price = _shelf_price(base * np.exp(rng.normal(0, 0.42, many)))
    weight = np.exp(rng.normal(0, 1.1, many))
    archived = rng.random(many) < 0.03
    code = pl.Series([f"{d['code']}-{c['code']}" for d, c in kinds])[kind]
    number = pl.Series(np.arange(1, many + 1)).cast(pl.String).str.zfill(5)
    tax_draw = rng.random(many)
    leaf = {name: _category_id(name) for name in {c["name"] for _, c in kinds}}
    return {
        "name": pl.select(label).to_series(),
        "code": pl.select(pl.format("{}-{}", code, number)).to_series(),
        "barcode": [_ean13(8_990_000_000_00 + n) for n in range(many)],
        "price": price,
        "cost": np.round(price * rng.uniform(0.45, 0.72, many) / 1.11, 2),
        "tax": np.where(tax_draw < 0.86, TAX_INCLUDED, np.where(tax_draw < 0.96, TAX_EXCLUDED, 0)),
        "brand": brand.astype(np.int64),
        "category": np.array([leaf[c["name"]] for _, c in kinds])[kind],
        "weight": np.where(archived, weight * 0.15, weight),
        "active": ~archived,
        "companion": rng.integers(0, many, many),
    }


def _shares(weights: list[float]) -> Floats:
    array = np.array(weights, dtype=float)
    return np.asarray(array / array.sum())


def _shelf_price(raw: Floats) -> Ints:
    """Prices that end as on a shelf: 24,900 · 38,500 · 129,000."""
    small = np.round(raw / 500) * 500
    small = np.where(small % 1000 == 0, small - 100, small)
    middle = np.round(raw / 1000) * 1000
    large = np.round(raw / 10_000) * 10_000 - 1_000
    price = np.where(raw < 40_000, small, np.where(raw < 100_000, middle, large))
    return np.maximum(price, 4_900).astype(np.int64)


def _ean13(twelve: int) -> str:
    digits = f"{twelve:012d}"
    total = sum(int(digit) * (3 if n % 2 else 1) for n, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def _products(goods: dict[str, Any], vendor: Ints) -> list[Table]:
    many = len(goods["price"])
    service, packing = _category_id("Layanan"), _category_id("Kemasan & Voucher")
    ids = np.concatenate(
        [np.arange(1, SPECIALS + 1), np.arange(FIRST_PRODUCT, FIRST_PRODUCT + many)]
    )
    special_names = [
        "Tas Belanja",
        "Voucher Belanja",
        "Facial Treatment",
        "Kelas Makeup",
        "Pouch Hadiah",
    ]
    codes = pl.concat(
        [pl.Series(["TAS", "VOUCHER", "SVC-FACIAL", "SVC-CLASS", "GWP"]), goods["code"]]
    )
    kinds = pl.Series(["consu", "service", "service", "service", "product"] + ["product"] * many)
    names = pl.concat([pl.Series(special_names), goods["name"]])
    prices = np.concatenate([[1_000, 0, 185_000, 250_000, 0], goods["price"]]).astype(float)
    special_tax = [[TAX_INCLUDED], [], [TAX_INCLUDED], [TAX_INCLUDED], [TAX_INCLUDED]]
    tax_lists = special_tax + [[int(t)] if t else [] for t in goods["tax"]]
    charged = [BILL_TAX] * SPECIALS + [vendor_tax(int(number)) for number in vendor]
    # A few are kept by lot; each of them has one lot for good.
    by_lot = np.arange(many) % 97 == 13
    tracking = ["none"] * SPECIALS + np.where(by_lot, "lot", "none").tolist()
    brands = pl.Series([None] * SPECIALS + (goods["brand"] + 1).tolist(), dtype=pl.Int64)
    active = np.concatenate([[True] * SPECIALS, goods["active"]])
    template = {
        "id": ids,
        "name": names,
        "default_code": codes,
        "list_price": prices,
        "categ_id": np.concatenate(
            [[packing, packing, service, service, packing], goods["category"]]
        ),
        "x_studio_brand_id": brands,
        "type": kinds,
        "detailed_type": kinds,
        "uom_id": UNITS,
        "uom_po_id": UNITS,
        "taxes_id": tax_lists,
        "supplier_taxes_id": [[tax] if tax else [] for tax in charged],
        "active": active,
        "sale_ok": True,
        "purchase_ok": True,
        "available_in_pos": True,
        "priority": "0",
        "sequence": 1,
        "tracking": tracking,
    }
    product = {
        "id": ids,
        "product_tmpl_id": ids,
        "default_code": codes,
        "barcode": pl.Series([None] * SPECIALS + goods["barcode"], dtype=pl.String),
        "active": active,
        "standard_price": np.concatenate([[350.0, 0, 60_000, 80_000, 9_500], goods["cost"]]),
    }
    return [table("product.template", template), table("product.product", product)]
