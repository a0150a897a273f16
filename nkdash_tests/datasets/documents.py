"""Hand-made lines of invoices and bills, with the few dimensions their facts need."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from nkdash.contracts import conform
from nkdash.datasets.spec import Dataset
from nkdash.lake import EXTRACTED_AT

DAY = date(2026, 10, 14)
AS_OF = datetime.fromisoformat("2026-10-15T03:00:00")
IDR, USD = 12, 1
UNIT, DOZEN, KILO = 1, 2, 3
GOODS, OTHER, SERVICE, BY_DOZEN = 10, 11, 20, 30
PPN, PPN_INCL, PPH, SURCHARGE, FIXED, GROUP = 2, 8, 9, 5, 6, 7

DIMENSIONS: Mapping[str, pl.LazyFrame] = {
    "dim_products": pl.LazyFrame(
        {
            "product_id": [GOODS, OTHER, SERVICE, BY_DOZEN],
            "uom_id": [UNIT, UNIT, UNIT, DOZEN],
            "type": ["product", "product", "service", "product"],
        }
    ),
    "dim_uoms": pl.LazyFrame({"uom_id": [UNIT, DOZEN], "ratio_to_reference": [1.0, 12.0]}),
    "dim_taxes": pl.LazyFrame(
        {
            "tax_id": [PPN, PPN_INCL, PPH, SURCHARGE, FIXED, GROUP],
            "name": ["PPN 11%", "PPN 11% incl", "PPh 23 -2%", "5%", "Rp 500", "PPN + PPh"],
            "rate": [11.0, 11.0, -2.0, 5.0, None, 9.0],
            "charged_rate": [11.0, 11.0, 0.0, 5.0, None, 11.0],
            "price_included": [False, True, False, False, False, False],
        }
    ),
}


def line(**values: Any) -> dict[str, Any]:
    """A raw line of one posted document in rupiah; what is not named is as usual or null."""
    usual = {
        "date": DAY,
        "id": 1,
        "move_id": 100,
        "company_id": 1,
        "company_currency_id": IDR,
        "currency_id": IDR,
        "currency_id.name": "IDR",
        "product_id": GOODS,
        "product_uom_id": UNIT,
        "quantity": 1.0,
        "discount": 0.0,
        "tax_ids": [],
        "write_date": AS_OF,
        "move_id.name": "DOC/1",
        "move_id.state": "posted",
        "move_id.date": DAY,
        "move_id.write_date": AS_OF,
        EXTRACTED_AT: AS_OF,
    }
    return {**usual, **values}


def clean(dataset: Dataset, *lines: dict[str, Any]) -> pl.DataFrame:
    """The clean rows of raw lines, both held to their contracts."""
    schema = dataset.raw_table.schema
    strange = {name for row in lines for name in row} - set(schema)
    assert not strange, f"raw has no columns {strange}"
    raw = pl.DataFrame([{n: r.get(n) for n in schema} for r in lines], schema=schema, orient="row")
    cleaned = dataset.clean(conform(raw, dataset.raw_table).lazy()).collect()
    return conform(cleaned, dataset.clean_table)


def fact(dataset: Dataset, *lines: dict[str, Any]) -> pl.DataFrame:
    """The fact of raw lines, sorted by line, held to its contract."""
    assert dataset.fact
    made = dataset.fact.make(clean(dataset, *lines).lazy(), DIMENSIONS).collect()
    return conform(made, dataset.fact.table)


def only(dataset: Dataset, *lines: dict[str, Any]) -> dict[str, Any]:
    """The one row that the fact has."""
    return fact(dataset, *lines).row(0, named=True)
