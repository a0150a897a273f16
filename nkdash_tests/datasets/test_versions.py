"""What differs between Odoos: names of fields and models, units, included taxes, product lines."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nkdash.datasets import purchases
from nkdash.datasets.extract import extract_days, extract_dimension
from nkdash.datasets.spec import Dataset, Field, Source
from nkdash.dimensions import taxes, uoms
from nkdash.dimensions.spec import Dimension
from nkdash.odoo import FieldInfo, OdooSchemaError
from nkdash.odoo.versions import invoice_product_lines
from nkdash.settings import Settings

SETTINGS = Settings(_env_file=None)


class FakeOdoo:
    """An Odoo of a few models, each a frame; every column is a field."""

    def __init__(self, **models: pl.DataFrame) -> None:
        self.models = {name.replace("__", "."): frame for name, frame in models.items()}
        self.asked: list[tuple[str, Sequence[object], Sequence[str]]] = []

    def fields_get(self, model: str) -> dict[str, FieldInfo]:
        if model not in self.models:
            raise OdooSchemaError("no such model", remedy="", model=model, method="fields_get")
        return {name: FieldInfo(name, "char") for name in self.models[model].columns}

    def search_read(
        self,
        model: str,
        domain: Sequence[object],
        fields: Sequence[str],
        *,
        company: int | None = None,
    ) -> pl.DataFrame:
        self.asked.append((model, domain, fields))
        return self.models[model].select(list(dict.fromkeys(("id", *fields))))

    def read_ids(self, model: str, ids: Iterable[int], fields: Sequence[str]) -> pl.DataFrame:
        frame = self.models[model].filter(pl.col("id").is_in(list(ids)))
        return frame.select(list(dict.fromkeys(("id", *fields))))

    def companies(self) -> tuple[int, ...]:
        return (1,)


def moves(*fields: Field) -> Dataset:
    source = Source("stock.move.line", "date", "utc", fields)
    return Dataset("moves", "", source, purchases.CLEAN, lambda raw: raw)


WHEN = Field("date", pl.Datetime("us"), "When")
DONE = Field("quantity", pl.Float64(), "Done quantity")
AT = datetime.fromisoformat("2026-10-14T05:00:00")


@pytest.mark.parametrize("name", ["quantity", "qty_done"], ids=["17 and later", "up to 16"])
def test_a_field_is_read_under_the_name_it_has(name: str) -> None:
    odoo = FakeOdoo(stock__move__line=pl.DataFrame({"id": [1], "date": [AT], name: [2.5]}))
    day = date(2026, 10, 14)
    rows = extract_days(odoo, moves(Field("id", pl.Int64(), ""), WHEN, DONE), day, day, SETTINGS)
    assert rows["quantity"].to_list() == [2.5]


def test_an_optional_relation_that_is_absent_is_null() -> None:
    odoo = FakeOdoo(stock__move__line=pl.DataFrame({"id": [1], "date": [AT]}))
    day = date(2026, 10, 14)
    order = Field("production_id.name", pl.String(), "Needs mrp", required=False)
    rows = extract_days(odoo, moves(Field("id", pl.Int64(), ""), WHEN, order), day, day, SETTINGS)
    assert rows["production_id.name"].to_list() == [None]


LOTS = Dimension(
    name="lots",
    description="",
    model="stock.lot",
    fields=(Field("id", pl.Int64(), ""), Field("name", pl.String(), "")),
    table=uoms.TABLE,
    make=lambda raw: raw,
    optional=True,
)


@pytest.mark.parametrize("model", ["stock__lot", "stock__production__lot"])
def test_a_model_is_read_under_the_name_it_has(model: str) -> None:
    odoo = FakeOdoo(**{model: pl.DataFrame({"id": [1], "name": ["L1"]})})
    assert extract_dimension(odoo, LOTS)["name"].to_list() == ["L1"]


def test_an_optional_model_with_none_of_its_names_is_empty() -> None:
    assert extract_dimension(FakeOdoo(), LOTS).is_empty()


def test_product_lines_of_invoices() -> None:
    assert invoice_product_lines({"display_type"}) == (("display_type", "=", "product"),)
    before_16 = invoice_product_lines({"display_type", "exclude_from_invoice_tab"})
    assert before_16 == (
        ("display_type", "not in", ["line_section", "line_note"]),
        ("exclude_from_invoice_tab", "!=", True),
    )


def test_bills_are_asked_for_by_what_the_odoo_knows() -> None:
    source = purchases.dataset(SETTINGS).source
    assert source.domain({"exclude_from_invoice_tab"})[-1] == (
        "exclude_from_invoice_tab",
        "!=",
        True,
    )
    assert source.domain({"display_type"}) == (
        ("move_id.move_type", "in", ["in_invoice", "in_refund", "in_receipt"]),
        ("display_type", "=", "product"),
    )


def raw_rows(dimension: Dimension, *rows: dict[str, object]) -> pl.LazyFrame:
    """Raw records of a dimension; what a record does not name is null."""
    schema = dimension.raw_table.schema
    return pl.LazyFrame([{n: row.get(n) for n in schema} for row in rows], schema=schema)


def ratios(*units: dict[str, object]) -> list[float | None]:
    made = uoms.make(raw_rows(uoms.dimension(SETTINGS), *units)).collect()
    return [v and round(v, 9) for v in made["ratio_to_reference"].to_list()]


def test_units_in_both_directions() -> None:
    # A dozen, and a gram (reference kg): reference = qty / factor up to 17, qty x factor in 19.
    assert ratios({"factor": 1.0}, {"factor": 1 / 12}, {"factor": 1000.0}) == [1, 12, 0.001]
    newer: list[dict[str, object]] = [
        {"factor": f, "relative_factor": f} for f in (1.0, 12.0, 0.001)
    ]
    assert ratios(*newer) == [1, 12, 0.001]
    assert ratios({"factor": 0.0}) == [None]


@settings(deadline=None, max_examples=40)
@given(st.floats(0.001, 1000))
def test_both_directions_say_the_same(ratio: float) -> None:
    old, new = ratios({"factor": 1 / ratio}, {"factor": ratio, "relative_factor": 1.0})
    assert old == pytest.approx(new)


@pytest.mark.parametrize(
    ("tax", "company", "included"),
    [
        ({"price_include": True}, None, True),
        ({"price_include": False}, None, False),
        ({"price_include_override": "tax_included"}, "tax_excluded", True),
        ({"price_include_override": "tax_excluded"}, "tax_included", False),
        ({"price_include_override": None}, "tax_included", True),
        ({"price_include_override": None}, None, False),
    ],
)
def test_included_taxes(tax: dict[str, object], company: str | None, included: bool) -> None:
    row = {
        "id": 1,
        "amount": 11.0,
        "amount_type": "percent",
        "children_tax_ids": [],
        "company_id.account_price_include": company,
        **tax,
    }
    raw = raw_rows(taxes.dimension(SETTINGS), row)
    assert taxes.make(raw).collect()["price_included"].to_list() == [included]


def test_rates_without_what_is_withheld() -> None:
    rows: list[dict[str, object]] = [
        {"id": 1, "amount": 11.0, "amount_type": "percent"},
        {"id": 2, "amount": -2.0, "amount_type": "percent"},
        {"id": 3, "amount": 0.0, "amount_type": "group", "children_tax_ids": [1, 2]},
        {"id": 4, "amount": 500.0, "amount_type": "fixed"},
        # 10 % of the amount with tax is 10/90 of the one without.
        {"id": 5, "amount": 10.0, "amount_type": "division"},
    ]
    full = [{"children_tax_ids": [], **row} for row in rows]
    made = taxes.make(raw_rows(taxes.dimension(SETTINGS), *full)).sort("tax_id").collect()
    assert made["rate"].to_list() == pytest.approx([11, -2, 9, None, 100 / 9])
    assert made["charged_rate"].to_list() == pytest.approx([11, 0, 11, None, 100 / 9])
    assert made["withholding"].to_list() == [False, True, False, False, False]
