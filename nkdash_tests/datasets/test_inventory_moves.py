"""Stock moves: Odoo's own figures for the recorded days, and every rule on hand-made lines."""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nkdash.catalog import Catalog, load_catalog
from nkdash.contracts import conform
from nkdash.datasets.inventory_moves import CLEAN, FACT, FIELDS, MOVEMENT_TYPES, clean, fact
from nkdash.odoo import OdooClient, OdooSchemaError
from nkdash.sandbox import load_records, serve
from nkdash.settings import Settings
from nkdash_tests.conftest import RECORDS
from nkdash_tests.datasets.stock import (
    TRUTH,
    connect,
    make_settings,
    read_dimension,
    read_fact,
    write_records,
)

ZONE = "Asia/Jakarta"
FIRST, LAST = date(2026, 8, 24), date(2026, 11, 23)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_settings(tmp_path_factory.mktemp("moves"), nkdash_now="2026-11-23T10:10:03")


@pytest.fixture(scope="module")
def catalog(settings: Settings) -> Catalog:
    return load_catalog(settings)


@pytest.fixture(scope="module")
def odoo() -> Iterator[OdooClient]:
    with serve(load_records(RECORDS)) as server, connect(server) as client:
        yield client


@pytest.fixture(scope="module")
def moves(odoo: OdooClient, catalog: Catalog, settings: Settings) -> pl.DataFrame:
    return read_fact(odoo, catalog, settings, "inventory_moves", FIRST, LAST)


@pytest.fixture(scope="module")
def quants(odoo: OdooClient, catalog: Catalog, settings: Settings) -> pl.DataFrame:
    return read_fact(odoo, catalog, settings, "stock_quants", LAST, LAST)


def exact(value: float) -> Decimal:
    return Decimal(str(round(value, 4)))


def test_every_recorded_day_equals_odoo_by_company_and_usage(moves: pl.DataFrame) -> None:
    checked = 0
    for company, days in TRUTH["days"].items():
        for day, usages in days.items():
            of_day = moves.filter(
                pl.col("company_id") == int(company), pl.col("date") == date.fromisoformat(day)
            ).with_columns(usage=pl.col("from_usage") + "->" + pl.col("to_usage"))
            found = {
                usage: (part.height, part["quantity"].sum())
                for (usage,), part in of_day.partition_by("usage", as_dict=True).items()
            }
            assert found == {
                usage: (told["lines"], exact(told["quantity_product_uom"]))
                for usage, told in usages.items()
            }, (company, day)
            checked += len(found)
    assert checked > 30
    company_2 = moves.filter(pl.col("company_id") == 2)
    assert {str(d) for d in company_2["date"].unique()} == TRUTH["days"]["2"].keys()


def test_movement_types_agree_with_what_odoo_says_of_the_moves(moves: pl.DataFrame) -> None:
    """Classes by the move's own fields, as Odoo sets them, against types by usage and scrap."""
    packed = (RECORDS / "stock.move.jsonl.gz").read_bytes()
    recorded = (json.loads(row) for row in gzip.decompress(packed).splitlines())
    classes = {
        row["id"]: "production_out"
        if row["raw_material_production_id"]
        else "production_in"
        if row["production_id"]
        else "scrap"
        if row["scrap_id"]
        else "adjustment"
        if row["is_inventory"]
        else "other"
        for row in recorded
    }
    found: dict[str, set[str]] = defaultdict(set)
    for move, kind in moves.select("move_id", "movement_type").iter_rows():
        found[classes[move]].add(kind)
    assert {c: k for c, k in found.items() if c != "other"} == {
        c: {c} for c in ("production_out", "production_in", "scrap", "adjustment")
    }
    assert found["other"] == {
        "receipt",
        "return_to_vendor",
        "delivery",
        "return_from_customer",
        "dropship",
        "transfer",
        "transit_in",
        "transit_out",
    }
    assert (moves["is_adjustment"] == (moves["movement_type"] == "adjustment")).all()


def test_moves_add_up_to_the_stock_but_for_the_consumable(
    moves: pl.DataFrame, quants: pl.DataFrame
) -> None:
    whole = pl.col("product_id").is_in(TRUTH["products"])
    differing: dict[tuple[int, int], tuple[Decimal, Decimal]] = {}
    for company, products_ in ((1, whole), (2, pl.lit(True))):
        mine = (pl.col("company_id") == company) & products_
        moved = dict(
            moves.filter(mine).group_by("product_id").agg(pl.sum("quantity_signed")).rows()
        )
        held = dict(quants.filter(mine).group_by("product_id").agg(pl.sum("quantity")).rows())
        assert len(moved) >= 8
        differing |= {
            (company, p): (moved.get(p, Decimal(0)), held.get(p, Decimal(0)))
            for p in moved.keys() | held.keys()
            if moved.get(p, Decimal(0)) != held.get(p, Decimal(0))
        }
    [told] = TRUTH["differing_products"]
    assert differing == {
        (1, told["product_id"]): (exact(told["in_moves"]), exact(told["in_quants"]))
    }


def test_two_legs_give_the_stock_of_every_location(
    moves: pl.DataFrame, odoo: OdooClient, catalog: Catalog
) -> None:
    held: dict[tuple[int, int, int], Decimal] = defaultdict(Decimal)
    for row in moves.iter_rows(named=True):
        for end, sign in (("from", -1), ("to", 1)):
            if row[f"{end}_usage"] in ("internal", "transit"):
                key = (row["company_id"], row["product_id"], row[f"{end}_location_id"])
                held[key] += sign * row["quantity"]
    usage = dict(
        read_dimension(odoo, catalog, "dim_locations").select("location_id", "usage").iter_rows()
    )
    inside = {k: q for k, q in held.items() if usage[k[2]] == "internal" and q}
    for product, told in TRUTH["on_hand"]["1"].items():
        if int(product) == TRUTH["differing_products"][0]["product_id"]:
            continue
        found = {str(loc): q for (c, p, loc), q in inside.items() if (c, p) == (1, int(product))}
        assert found == {loc: exact(q) for loc, q in told.items() if q}, product
    company_2: dict[str, Decimal] = defaultdict(Decimal)
    for (company, product_, _), quantity in inside.items():
        if company == 2:
            company_2[str(product_)] += quantity
    assert company_2 == {p: exact(q) for p, q in TRUTH["on_hand"]["2"].items()}
    transit = {k[1:]: q for k, q in held.items() if usage[k[2]] == "transit" and q}
    assert transit == {
        (t["product_id"], t["location_id"]): exact(t["quantity"]) for t in TRUTH["in_transit"]
    }


def test_dozens_and_grams_are_product_units(odoo: OdooClient, moves: pl.DataFrame) -> None:
    lines = odoo.search_read(
        "stock.move.line", [["state", "=", "done"]], ["quantity", "product_uom_id"]
    ).join(moves.select("move_line_id", moved="quantity"), left_on="id", right_on="move_line_id")
    ratios = {2: 12, 13: 0.001}  # Dozens; g, of a product kept in kg
    for uom, ratio in ratios.items():
        of_uom = lines.filter(pl.col("product_uom_id") == uom)
        assert of_uom.height
        expected = (of_uom["quantity"] * ratio).round(4)
        assert of_uom["moved"].cast(pl.Float64).to_list() == expected.to_list()


def test_documents_and_partners_come_from_picking_and_move(moves: pl.DataFrame) -> None:
    dropped = moves.filter(pl.col("movement_type") == "dropship")
    assert dropped["picking_type_code"].unique().to_list() == ["incoming"]
    assert (dropped["quantity_signed"] == 0).all()
    made = moves.filter(pl.col("movement_type").is_in(["production_in", "production_out"]))
    assert made["picking_id"].null_count() == made.height
    assert made["manufacturing_order_id"].null_count() == 0
    sold = moves.filter(pl.col("movement_type") == "delivery", pl.col("picking_id").is_not_null())
    assert sold["origin"].null_count() == sold["reference"].null_count() == 0


# Hand-made lines: location 1 internal and 2 transit of company 1, 3 transit that companies share.

BLANK: dict[str, Any] = {
    **{field.raw_name: None for field in FIELDS},
    "id": 1,
    "date": date(2026, 10, 1),
    "moved_at": datetime.fromisoformat("2026-10-01T03:00:00"),
    "state": "done",
    "company_id": 1,
    "product_id": 7,
    "product_uom_id": 1,
    "quantity": 2.0,
    "quantity_product_uom": 2.0,
    "location_id": 1,
    "location_id.usage": "internal",
    "location_id.company_id": 1,
    "location_dest_id": 4,
    "location_dest_id.usage": "customer",
}
RAW_SCHEMA = {"date": pl.Date(), **{f.raw_name: f.dtype for f in FIELDS}}
UNITS = pl.LazyFrame({"uom_id": [1, 2, 3], "ratio_to_reference": [1.0, 12.0, 0.001]})


def made(*lines: dict[str, Any], product_uom: int = 1) -> list[dict[str, Any]]:
    """fact_inventory_moves of hand-made raw lines; unit 2 is a dozen of 1, unit 3 a thousandth."""
    rows = [{**BLANK, "id": n, **line} for n, line in enumerate(lines, 1)]
    raw = pl.DataFrame(rows, schema=RAW_SCHEMA)
    cleaned = conform(clean(raw.lazy(), ZONE).collect(), CLEAN)
    dimensions = {
        "dim_products": pl.LazyFrame({"product_id": [7], "uom_id": [product_uom]}),
        "dim_uoms": UNITS,
    }
    return conform(fact(cleaned.lazy(), dimensions).collect(), FACT).rows(named=True)


def between(source: str, target: str, **more: Any) -> dict[str, Any]:
    """A line from a location of one usage to one of another; 'shared' is transit of no company."""
    found: dict[str, Any] = {}
    for end, usage in (("location_id", source), ("location_dest_id", target)):
        shared = usage == "shared"
        found[f"{end}.usage"] = "transit" if shared else usage
        found[f"{end}.company_id"] = 1 if usage in ("internal", "transit") else None
    return {**found, **more}


@pytest.mark.parametrize(
    ("line", "kind", "sign"),
    [
        (between("supplier", "internal"), "receipt", 1),
        (between("supplier", "transit"), "receipt", 1),
        (between("internal", "supplier"), "return_to_vendor", -1),
        (between("internal", "customer"), "delivery", -1),
        (between("transit", "customer"), "delivery", -1),
        (between("customer", "internal"), "return_from_customer", 1),
        (between("supplier", "customer"), "dropship", 0),
        (between("customer", "supplier"), "dropship_return", 0),
        (between("internal", "internal"), "transfer", 0),
        (between("internal", "transit"), "transit_out", 0),
        (between("transit", "internal"), "transit_in", 0),
        # Goods under way between companies are no company's stock.
        (between("internal", "shared"), "transit_out", -1),
        (between("shared", "internal"), "transit_in", 1),
        (between("shared", "customer"), "other", 0),
        (between("transit", "transit"), "other", 0),
        (between("internal", "view"), "other", -1),
        (between("inventory", "internal"), "adjustment", 1),
        (between("internal", "inventory"), "adjustment", -1),
        # Scrap: by its order (17 and later), or by the location, at either end (up to 18).
        (between("internal", "inventory", **{"move_id.scrap_id": 3}), "scrap", -1),
        (
            between("internal", "inventory", **{"location_dest_id.scrap_location": True}),
            "scrap",
            -1,
        ),
        (between("inventory", "internal", **{"location_id.scrap_location": True}), "scrap", 1),
        # Production: by the order, else by the usage; both before scrap.
        (between("internal", "production"), "production_out", -1),
        (between("production", "internal"), "production_in", 1),
        (
            between("internal", "production", **{"move_id.raw_material_production_id": 5}),
            "production_out",
            -1,
        ),
        (between("production", "internal", **{"move_id.production_id": 5}), "production_in", 1),
        (
            between(
                "internal",
                "inventory",
                **{"move_id.raw_material_production_id": 5, "move_id.scrap_id": 3},
            ),
            "production_out",
            -1,
        ),
    ],
)
def test_the_first_rule_that_fits_gives_the_type(line: Any, kind: str, sign: int) -> None:
    [row] = made(line)
    assert row["movement_type"] == kind
    assert row["quantity"] == 2
    assert row["quantity_signed"] == 2 * sign
    assert row["is_adjustment"] == (kind == "adjustment")


def test_only_done_lines_with_a_quantity_count() -> None:
    states = [{"state": s} for s in ("draft", "waiting", "assigned", "cancel")]
    assert made(*states, {"quantity": 0.0, "quantity_product_uom": 0.0}) == []


def test_a_line_without_picking_takes_partner_and_document_of_its_move() -> None:
    bare = {"move_id.origin": "MO/1", "move_id.partner_id": 8}
    picked = {
        "picking_id": 3,
        "picking_id.origin": "S001",
        "picking_id.partner_id": 9,
        "move_id.partner_id": 8,
    }
    first, second = made(bare, picked)
    assert (first["origin"], first["partner_id"]) == ("MO/1", 8)
    assert (second["origin"], second["partner_id"]) == ("S001", 9)


def test_from_17_on_odoo_itself_converts() -> None:
    """Odoo rounds to the precision of the product's unit: its 0.33 dozen of 4 pieces stands."""
    [row] = made({"quantity": 4.0, "quantity_product_uom": 0.33}, product_uom=2)
    assert row["quantity"] == Decimal("0.33")


def test_before_17_the_units_convert() -> None:
    """2 dozen of pieces are 24; 750 g of kilos 0.75; 6 pieces of dozens 0.5."""
    old = {"quantity_product_uom": None}
    [dozens] = made({**old, "quantity": 2.0, "product_uom_id": 2})
    [grams] = made({**old, "quantity": 750.0, "product_uom_id": 3}, product_uom=1)
    [pieces] = made({**old, "quantity": 6.0, "product_uom_id": 1}, product_uom=2)
    found = [row["quantity"] for row in (dozens, grams, pieces)]
    assert found == [Decimal(24), Decimal("0.75"), Decimal("0.5")]


USAGES = st.sampled_from(
    ["internal", "transit", "shared", "supplier", "customer", "inventory", "production", "view"]
)


@hypothesis_settings(deadline=None)
@given(
    source=USAGES,
    target=USAGES,
    units=st.integers(1, 10_000),
    flags=st.fixed_dictionaries(
        {
            "move_id.scrap_id": st.sampled_from([None, 3]),
            "location_id.scrap_location": st.sampled_from([None, True, False]),
            "location_dest_id.scrap_location": st.sampled_from([None, True, False]),
            "move_id.raw_material_production_id": st.sampled_from([None, 5]),
            "move_id.production_id": st.sampled_from([None, 6]),
        }
    ),
)
def test_every_line_has_one_type_and_its_sign_is_what_our_stock_gains(
    source: str, target: str, units: int, flags: dict[str, Any]
) -> None:
    quantity = units / 100
    one_way = between(source, target, quantity=quantity, quantity_product_uom=quantity, **flags)
    back = between(target, source, quantity=quantity, quantity_product_uom=quantity, **flags)
    there, here = made(one_way, back)
    ours = ("internal", "transit")
    gain = (target in ours) - (source in ours)
    assert there["movement_type"] in MOVEMENT_TYPES
    assert there["quantity"] == exact(quantity)
    assert there["quantity_signed"] == gain * exact(quantity)
    assert there["quantity_signed"] + here["quantity_signed"] == 0


# An Odoo 15: qty_done, lots of another model, no scrap_id, no mrp, units by 1 / factor.

MANY = "many2one"
ODOO_15: dict[str, dict[str, tuple[str, str | None]]] = {
    "stock.move.line": {
        "date": ("datetime", None),
        "state": ("selection", None),
        "company_id": (MANY, "res.company"),
        "product_id": (MANY, "product.product"),
        "product_uom_id": (MANY, "uom.uom"),
        "qty_done": ("float", None),
        "lot_id": (MANY, "stock.production.lot"),
        "owner_id": (MANY, "res.partner"),
        "location_id": (MANY, "stock.location"),
        "location_dest_id": (MANY, "stock.location"),
        "move_id": (MANY, "stock.move"),
        "picking_id": (MANY, "stock.picking"),
        "write_date": ("datetime", None),
    },
    "stock.move": {
        "reference": ("char", None),
        "origin": ("char", None),
        "partner_id": (MANY, "res.partner"),
        "write_date": ("datetime", None),
    },
    "stock.picking": {
        "partner_id": (MANY, "res.partner"),
        "origin": ("char", None),
        "picking_type_id": (MANY, "stock.picking.type"),
    },
    "stock.picking.type": {"code": ("selection", None)},
    "stock.location": {
        "name": ("char", None),
        "complete_name": ("char", None),
        "location_id": (MANY, "stock.location"),
        "usage": ("selection", None),
        "scrap_location": ("boolean", None),
        "company_id": (MANY, "res.company"),
        "active": ("boolean", None),
        "write_date": ("datetime", None),
    },
    "stock.production.lot": {
        "name": ("char", None),
        "ref": ("char", None),
        "product_id": (MANY, "product.product"),
        "company_id": (MANY, "res.company"),
        "write_date": ("datetime", None),
    },
    "uom.uom": {
        "name": ("char", None),
        "factor": ("float", None),
        "active": ("boolean", None),
        "write_date": ("datetime", None),
    },
    "product.product": {
        "product_tmpl_id": (MANY, "product.template"),
        "name": ("char", None),
        "default_code": ("char", None),
        "barcode": ("char", None),
        "categ_id": (MANY, "product.category"),
        "uom_id": (MANY, "uom.uom"),
        "list_price": ("float", None),
        "type": ("selection", None),
        "active": ("boolean", None),
        "write_date": ("datetime", None),
    },
}
WRITTEN = {"write_date": "2026-10-01 03:00:00"}
COMPANY = {"company_id": [1, "Main"]}


def odoo_15_records() -> dict[str, list[dict[str, Any]]]:
    """Two dozen received, five scrapped, on the first and second of October local time."""
    line = {
        "state": "done",
        **COMPANY,
        "product_id": [7, "Serum"],
        "lot_id": [4, "L4"],
        "owner_id": False,
        **WRITTEN,
    }
    return {
        "stock.move.line": [
            {
                **line,
                "id": 1,
                "date": "2026-10-01 16:59:59",
                "product_uom_id": [2, "Dozens"],
                "qty_done": 2.0,
                "location_id": [4, "Vendors"],
                "location_dest_id": [8, "Stock"],
                "move_id": [11, "WH/IN/1"],
                "picking_id": [21, "WH/IN/1"],
            },
            {
                **line,
                "id": 2,
                "date": "2026-10-01 17:00:00",
                "product_uom_id": [1, "Units"],
                "qty_done": 5.0,
                "location_id": [8, "Stock"],
                "location_dest_id": [16, "Scrap"],
                "move_id": [12, "SP/1"],
                "picking_id": False,
            },
        ],
        "stock.move": [
            {"id": n, "reference": r, "origin": o, "partner_id": False, **WRITTEN}
            for n, r, o in ((11, "WH/IN/1", "P001"), (12, "SP/1", False))
        ],
        "stock.picking": [
            {"id": 21, "partner_id": False, "origin": "P001", "picking_type_id": [31, "Receipts"]}
        ],
        "stock.picking.type": [{"id": 31, "code": "incoming"}],
        "stock.location": [
            {
                "id": n,
                "name": name,
                "complete_name": f"WH/{name}",
                "location_id": False,
                "usage": usage,
                "scrap_location": name == "Scrap",
                "company_id": [1, "Main"] if usage == "internal" else False,
                "active": True,
                **WRITTEN,
            }
            for n, name, usage in (
                (4, "Vendors", "supplier"),
                (8, "Stock", "internal"),
                (16, "Scrap", "inventory"),
            )
        ],
        "stock.production.lot": [
            {"id": 4, "name": "L4", "ref": False, "product_id": [7, "Serum"], **COMPANY, **WRITTEN}
        ],
        "uom.uom": [
            {"id": 1, "name": "Units", "factor": 1.0, "active": True, **WRITTEN},
            {"id": 2, "name": "Dozens", "factor": 1 / 12, "active": True, **WRITTEN},
        ],
        "product.product": [
            {
                "id": 7,
                "product_tmpl_id": [7, "Serum"],
                "name": "Serum",
                "default_code": False,
                "barcode": False,
                "categ_id": False,
                "uom_id": [1, "Units"],
                "list_price": 1.0,
                "type": "product",
                "active": True,
                **WRITTEN,
            }
        ],
    }


def test_an_odoo_15_gives_the_same_facts(
    tmp_path: Path, catalog: Catalog, settings: Settings
) -> None:
    records = write_records(tmp_path, ODOO_15, odoo_15_records())
    with serve(load_records(records)) as server, connect(server) as client:
        rows = read_fact(
            client, catalog, settings, "inventory_moves", date(2026, 10, 1), date(2026, 10, 2)
        )
        lots = read_dimension(client, catalog, "dim_lots")
        locations = read_dimension(client, catalog, "dim_locations")
    columns = ("date", "movement_type", "quantity", "quantity_signed", "lot_id", "origin")
    assert rows.select(columns).rows() == [
        (date(2026, 10, 1), "receipt", Decimal(24), Decimal(24), 4, "P001"),
        (date(2026, 10, 2), "scrap", Decimal(5), Decimal(-5), 4, None),
    ]
    assert lots.select("lot_id", "name", "expires_at").rows() == [(4, "L4", None)]
    assert locations.filter(pl.col("scrap"))["location_id"].to_list() == [16]
    assert locations["warehouse"].null_count() == locations.height


def test_an_odoo_without_a_done_quantity_is_a_clear_error(
    tmp_path: Path, catalog: Catalog, settings: Settings
) -> None:
    fields = {**ODOO_15, "stock.move.line": dict(ODOO_15["stock.move.line"])}
    del fields["stock.move.line"]["qty_done"]
    records = odoo_15_records()
    for row in records["stock.move.line"]:
        del row["qty_done"]
    folder = write_records(tmp_path, fields, records)
    with (
        serve(load_records(folder)) as server,
        connect(server) as client,
        pytest.raises(OdooSchemaError, match=r"no field 'quantity' on stock\.move\.line"),
    ):
        read_fact(
            client, catalog, settings, "inventory_moves", date(2026, 10, 1), date(2026, 10, 2)
        )
