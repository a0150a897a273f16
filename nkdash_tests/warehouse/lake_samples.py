"""Small random partitions for the warehouse's tests, written as the assets write them."""

import random
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl

from nkdash.catalog import Catalog, load_catalog
from nkdash.contracts import Table, empty
from nkdash.datasets import pos_order_lines, pos_payments
from nkdash.dimensions import brands, categories, partners, products
from nkdash.lake import Layer, write_days, write_table
from nkdash.settings import Settings

DAY = date(2026, 3, 1)
AS_OF = datetime.fromisoformat("2026-03-10T01:02:03")
SALES = pos_order_lines.FACT
PAYMENTS = pos_payments.FACT
PRODUCTS = 20


def make_settings(folder: Path, **more: object) -> Settings:
    """Settings with a lake of their own, whatever the environment says."""
    return Settings(_env_file=None, data_lake_root=folder / "lake", **more)  # type: ignore[arg-type]


def catalog_of(settings: Settings) -> Catalog:
    return load_catalog(settings)


def sales(day: date, seed: int, orders: int = 5) -> pl.DataFrame:
    """Lines of ``orders`` random orders of every kind, by the rules of fact_sales."""
    pick = random.Random(f"{day}/{seed}")
    rows = []
    for n in range(orders):
        order = day.toordinal() * 1000 + n
        at = datetime.combine(day, time(pick.randrange(8, 22), pick.randrange(60)))
        header = {
            "date": day,
            "order_id": order,
            "order_ref": f"Shop/{order}",
            "ordered_at": at - timedelta(hours=7),
            "ordered_at_local": at,
            "order_state": pick.choice(["paid", "done"]),
            "company_id": 1,
            "pos_config_id": pick.randrange(1, 4),
            "session_id": 1,
            "user_id": 2,
            "cashier_id": pick.choice([None, 5, 6]),
            "customer_id": pick.choice([None, 7, 8]),
            "hour": at.hour,
        }
        only = pick.choice([None, None, "return"])
        for line in range(pick.randrange(1, 4)):
            kind = only or pick.choice(["sale", "sale", "return", "discount", "free", "service"])
            rows.append({**header, "line_id": order * 10 + line, **_amounts(kind, pick)})
    return pl.DataFrame(rows, schema=SALES.schema) if rows else empty(SALES)


def _amounts(kind: str, pick: random.Random) -> dict[str, object]:
    cents = pick.randrange(100, 100_000)
    units = pick.randrange(1, 5) * (-1 if kind == "return" else 1)
    gross = 0 if kind == "discount" else cents * units
    revenue = {"discount": -cents, "free": 0}.get(kind, gross - gross // 10)
    net = revenue * 100 // 111
    return {
        "product_id": pick.randrange(1, PRODUCTS + 1),
        "line_kind": kind,
        "quantity": _decimal(units * 10_000, 4),
        "price_unit": _decimal((-cents if kind == "discount" else cents) * 10_000, 6),
        "discount_pct": _decimal(10_000_000, 6),
        "gross_tax_in": _decimal(gross, 2),
        "discount_tax_in": _decimal(gross - revenue, 2),
        "revenue_tax_in": _decimal(revenue, 2),
        "net_tax_ex": _decimal(net, 2),
        "tax": _decimal(revenue - net, 2),
        "is_refund": kind == "return",
    }


def _decimal(units: int, scale: int) -> Decimal:
    return Decimal(units).scaleb(-scale)


def payments(day: date, seed: int, orders: int = 5) -> pl.DataFrame:
    """One payment for every order of ``sales``."""
    return (
        sales(day, seed, orders)
        .group_by("order_id", maintain_order=True)
        .agg(
            pl.first("date", "company_id", "pos_config_id", "session_id"),
            amount=pl.sum("revenue_tax_in").cast(PAYMENTS.schema["amount"]),
        )
        .with_columns(payment_id="order_id", payment_method_id=pl.lit(1, pl.Int64))
        .pipe(lambda f: pl.concat([empty(PAYMENTS), f], how="diagonal"))
        .select(PAYMENTS.schema.names())
    )


def land(
    settings: Settings, day: date, seed: int = 0, orders: int = 5, as_of: datetime = AS_OF
) -> None:
    """Write both facts of a day."""
    root = settings.lake_root
    write_days(root, Layer.STAR, SALES, sales(day, seed, orders), [day], as_of=as_of)
    write_days(root, Layer.STAR, PAYMENTS, payments(day, seed, orders), [day], as_of=as_of)


def land_dimensions(settings: Settings, name: str = "Lipstick") -> None:
    """Products with a category below a root, a brand and its principal."""
    root = settings.lake_root
    frames: dict[Table, list[dict[str, object]]] = {
        products.TABLE: [
            {
                "product_id": n,
                "name": f"{name} {n}",
                "category_id": 11,
                "brand_id": 1 if n % 2 else None,
                "storable": True,
                "active": True,
            }
            for n in range(1, PRODUCTS + 1)
        ],
        categories.TABLE: [
            {
                "category_id": 10,
                "name": "Make-up",
                "path": "All / Make-up",
                "root_id": 10,
                "level": 1,
            },
            {
                "category_id": 11,
                "name": "Lips",
                "parent_id": 10,
                "path": "All / Make-up / Lips",
                "root_id": 10,
                "level": 2,
            },
        ],
        brands.TABLE: [{"brand_id": 1, "name": "Rosé", "principal_id": 9, "active": True}],
        partners.TABLE: [{"partner_id": 9, "name": "PT Rosé", "is_company": True, "active": True}],
    }
    for table, rows in frames.items():
        frame = pl.DataFrame(rows, schema=table.schema)
        write_table(root, Layer.STAR, table, frame, as_of=AS_OF)


def remove_day(settings: Settings, table: str, day: date) -> None:
    (settings.lake_root / "star-schema" / table / f"date={day}" / "data.parquet").unlink()


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of a version, sorted, without what tells one publish from another."""
    connection = duckdb.connect(path, read_only=True)
    try:
        tables = connection.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() "
            "WHERE table_name NOT IN ('warehouse_state', 'warehouse_manifest', 'restatements')"
        ).fetchall()
        held = {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
            for (name,) in tables
        }
        held["manifest"] = connection.execute(
            "SELECT layer, dataset, table_name, day, rows_sha256, rows, as_of "
            "FROM warehouse_manifest ORDER BY ALL"
        ).fetchall()
        return held
    finally:
        connection.close()


def days(count: int, first: date = DAY) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def land_all(settings: Settings, found: Iterable[date]) -> None:
    for day in found:
        land(settings, day)
