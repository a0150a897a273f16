"""Opening costs: a CSV of the user's for goods whose bills are older than the lake.

Columns: ``product_id`` or ``sku`` (or both), ``cost_unit``, and optional ``from_date``,
``tax_included``, ``company_id``, ``notes``. Comma or semicolon separated, UTF-8.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nkdash.contracts import PRICE, Column, Table
from nkdash.datasets.columns import identifier

TABLE = Table(
    "opening_costs",
    grain="one opening cost of a product",
    key=("product_id", "company_id", "from_date"),
    partitioned=False,
    columns=(
        identifier("product_id", "Product", "product_id, or sku by dim_products", nullable=False),
        identifier(
            "company_id",
            "Company; null: every company in the currency of the first one",
            "company_id",
        ),
        Column("from_date", pl.Date(), "First day it holds; null: always", "local", "from_date"),
        Column(
            "cost_unit",
            PRICE,
            "Cost of one unit",
            "company currency per product unit, tax as tax_included says",
            "cost_unit",
            nullable=False,
        ),
        Column(
            "tax_included",
            pl.Boolean(),
            "cost_unit holds the purchase tax",
            source="tax_included",
            nullable=False,
        ),
        Column("notes", pl.String(), "The user's remark", source="notes"),
    ),
)

SHOWN_PROBLEMS = 50


class OpeningCostsError(Exception):
    """The CSV of opening costs cannot be used; every problem with the number of its line."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.problems = problems
        more = len(problems) - SHOWN_PROBLEMS
        super().__init__(
            f"The opening costs in {path} have problems:\n"
            + "\n".join(f"  - {p}" for p in problems[:SHOWN_PROBLEMS])
            + (f"\n  - and {more} more" if more > 0 else "")
            + "\nCorrect the file, then load the dimensions again; nothing was taken from it."
        )


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    product_id: int | None = None
    sku: str | None = None
    cost_unit: Decimal = Field(gt=0, max_digits=18, decimal_places=6)
    from_date: date | None = None
    tax_included: bool = False
    company_id: int | None = None
    notes: str | None = None

    @model_validator(mode="after")
    def _names_a_product(self) -> "_Row":
        if self.product_id is None and self.sku is None:
            raise ValueError("neither product_id nor sku is given")
        return self


def read(path: Path, products: pl.DataFrame) -> pl.DataFrame:
    """The CSV as opening_costs, its skus looked up in dim_products.

    Raises OpeningCostsError that names every wrong line: unknown columns, values of the wrong kind,
    unknown or ambiguous products, the same product, company and date twice.
    """
    problems: list[str] = []
    ids = set(products.get_column("product_id"))
    skus = _by_sku(products)
    seen: dict[tuple[object, ...], int] = {}
    rows: list[dict[str, object]] = []
    for line, cells in _lines(path):
        try:
            row = _Row.model_validate(cells)
            product = _product(row, ids, skus)
        except ValidationError as error:
            problems += [f"line {line}: {_words(found, cells)}" for found in error.errors()]
            continue
        except LookupError as error:
            problems.append(f"line {line}: {error.args[0]}")
            continue
        first = seen.setdefault((product, row.company_id, row.from_date), line)
        if first != line:
            problems.append(f"line {line}: the same product, company and from_date as line {first}")
        rows.append({**row.model_dump(include=set(TABLE.schema.names())), "product_id": product})
    if problems:
        raise OpeningCostsError(path, problems)
    return pl.DataFrame(rows, schema=TABLE.schema)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The number and the filled cells of each line that is not empty."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            separator = ";" if ";" in header and "," not in header else ","
            file.seek(0)
            reader = csv.DictReader(file, delimiter=separator, restkey="", strict=True)
            names = [name.strip().lower() for name in reader.fieldnames or []]
            if unknown := [n for n in names if n not in _Row.model_fields]:
                raise OpeningCostsError(
                    path,
                    [f"line 1: unknown columns {unknown}; known: {', '.join(_Row.model_fields)}"],
                )
            reader.fieldnames = names
            line = reader.line_num + 1
            for cells in reader:
                filled = {name: text.strip() for name, text in _cells(cells) if text.strip()}
                if filled:
                    yield line, filled
                line = reader.line_num + 1
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OpeningCostsError(path, [f"it cannot be read as UTF-8 CSV: {error}"]) from error


def _cells(cells: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, text in cells.items():
        # Cells beyond the header come as a list under an empty name; absent ones are None.
        yield name, ", ".join(text) if isinstance(text, list) else text or ""


def _by_sku(products: pl.DataFrame) -> dict[str, list[int]]:
    """Products of each sku; the active ones alone where there are any."""
    found = (
        products.drop_nulls("sku")
        .group_by("sku")
        .agg(
            active=pl.col("product_id").filter("active").sort(),
            every=pl.col("product_id").sort(),
        )
    )
    return {sku: active or every for sku, active, every in found.iter_rows()}


def _product(row: _Row, ids: set[int], skus: Mapping[str, list[int]]) -> int:
    """The one product that the row means. Raises LookupError with a sentence."""
    if row.product_id is not None and row.product_id not in ids:
        raise LookupError(f"there is no product {row.product_id}")
    if row.sku is None:
        return row.product_id or 0
    named = skus.get(row.sku, [])
    if not named:
        raise LookupError(f"there is no product with the sku {row.sku!r}")
    if row.product_id is not None:
        if row.product_id not in named:
            raise LookupError(f"product {row.product_id} does not have the sku {row.sku!r}")
        return row.product_id
    if len(named) > 1:
        raise LookupError(f"the sku {row.sku!r} is that of products {named}; give the product_id")
    return named[0]


def _words(found: Any, cells: Mapping[str, str]) -> str:
    """A sentence for one of pydantic's errors."""
    if not found["loc"]:
        return str(found["msg"]).removeprefix("Value error, ")
    name = str(found["loc"][0])
    if found["type"] == "extra_forbidden":
        return f"more cells than columns: {cells[name]!r}"
    if found["type"] == "missing":
        return f"{name} is empty"
    return f"{name} {cells[name]!r}: {found['msg']}"
