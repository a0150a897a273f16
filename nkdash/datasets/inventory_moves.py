"""Stock move lines and fact_inventory_moves: what moved, between which locations, and why."""

from collections.abc import Mapping

import polars as pl

from nkdash.contracts import QUANTITY, Column, Table, quantity
from nkdash.datasets.columns import (
    COMPANY,
    DATE,
    identifier,
    local_column,
    to_local,
    utc_column,
)
from nkdash.datasets.spec import Dataset, Fact, Field, Reconcile, Source
from nkdash.settings import Settings

MOVEMENT_TYPES = (
    "production_out",
    "production_in",
    "scrap",
    "adjustment",
    "receipt",
    "return_to_vendor",
    "delivery",
    "return_from_customer",
    "dropship",
    "dropship_return",
    "transfer",
    "transit_in",
    "transit_out",
    "other",
)
"""Why stock moved, in the order in which the rules are tried."""

FIELDS = (
    Field("id", pl.Int64(), "Move line"),
    # Its Odoo name is that of the business day.
    Field("date", pl.Datetime("us"), "When it moved, UTC", column="moved_at"),
    Field("state", pl.String(), "State"),
    Field("company_id", pl.Int64(), "Company"),
    Field("product_id", pl.Int64(), "Product"),
    Field("product_uom_id", pl.Int64(), "Unit of the line"),
    Field("quantity", pl.Float64(), "Done quantity, line unit"),
    Field(
        "quantity_product_uom", pl.Float64(), "Done quantity, product unit (17+)", required=False
    ),
    Field("lot_id", pl.Int64(), "Lot or serial number"),
    Field("owner_id", pl.Int64(), "Owner of consigned goods"),
    Field("location_id", pl.Int64(), "Location it left"),
    Field("location_dest_id", pl.Int64(), "Location it reached"),
    Field("move_id", pl.Int64(), "Stock move"),
    Field("picking_id", pl.Int64(), "Picking (transfer document)"),
    Field("write_date", pl.Datetime("us"), "Last change, UTC"),
    *(
        field
        for end in ("location_id", "location_dest_id")
        for field in (
            Field(f"{end}.usage", pl.String(), "Usage of that location"),
            Field(f"{end}.scrap_location", pl.Boolean(), "Holds scrap (up to 18)", required=False),
            Field(f"{end}.company_id", pl.Int64(), "Company of that location; null is shared"),
        )
    ),
    Field("move_id.reference", pl.String(), "Reference"),
    Field("move_id.origin", pl.String(), "Source document of the move"),
    Field("move_id.partner_id", pl.Int64(), "Partner of the move"),
    Field("move_id.scrap_id", pl.Int64(), "Scrap order (17+)", required=False),
    Field(
        "move_id.raw_material_production_id",
        pl.Int64(),
        "Manufacturing order that consumes (needs mrp)",
        required=False,
    ),
    Field(
        "move_id.production_id",
        pl.Int64(),
        "Manufacturing order that produces (needs mrp)",
        required=False,
    ),
    Field("move_id.write_date", pl.Datetime("us"), "Last change of the move, UTC"),
    Field("picking_id.partner_id", pl.Int64(), "Partner of the picking"),
    Field("picking_id.origin", pl.String(), "Source document of the picking"),
    Field("picking_id.picking_type_id", pl.Int64(), "Operation type"),
    Field("picking_id.picking_type_id.code", pl.String(), "incoming, outgoing, internal, …"),
)

COMMON = (
    DATE,
    identifier("move_line_id", "Move line", "stock.move.line.id", nullable=False),
    identifier("move_id", "Stock move", "stock.move.line.move_id"),
    utc_column("moved_at", "When it moved", "stock.move.line.date"),
    local_column("moved_at_local", "When it moved", "stock.move.line.date"),
    COMPANY,
    identifier("product_id", "Product", "stock.move.line.product_id", nullable=False),
    identifier("lot_id", "Lot or serial number", "stock.move.line.lot_id"),
    identifier("owner_id", "Owner of consigned goods", "stock.move.line.owner_id"),
    identifier("from_location_id", "Location it left", "stock.move.line.location_id"),
    Column("from_usage", pl.String(), "Usage of that location", source="stock.location.usage"),
    identifier("to_location_id", "Location it reached", "stock.move.line.location_dest_id"),
    Column("to_usage", pl.String(), "Usage of that location", source="stock.location.usage"),
    identifier("picking_id", "Picking (transfer document)", "stock.move.line.picking_id"),
    Column(
        "picking_type_code",
        pl.String(),
        "incoming, outgoing, internal; null without a picking",
        source="stock.picking.type.code",
    ),
    identifier(
        "partner_id",
        "Partner of the picking, else of the move",
        "stock.picking.partner_id, stock.move.partner_id",
    ),
    Column("reference", pl.String(), "Reference", source="stock.move.reference"),
    Column(
        "origin",
        pl.String(),
        "Source document of the move, else of the picking",
        source="stock.move.origin, stock.picking.origin",
    ),
    identifier(
        "manufacturing_order_id",
        "Manufacturing order that consumes or produces",
        "stock.move.raw_material_production_id, production_id",
    ),
)

RECONCILE = Reconcile(
    sums=("quantity", "quantity_product_uom"),
    kept=(("state", "in", ("done",)), ("quantity", "!=", 0)),
    by=("location_id", "location_dest_id"),
)

CLEAN = Table(
    "inventory_moves",
    grain="one done stock move line with a quantity",
    key=("move_line_id",),
    columns=(
        *COMMON,
        identifier("uom_id", "Unit of the line", "stock.move.line.product_uom_id"),
        Column(
            "line_quantity",
            pl.Float64(),
            "Done quantity",
            "line unit",
            "stock.move.line.quantity, up to 16 qty_done",
            nullable=False,
        ),
        Column(
            "quantity_product_uom",
            pl.Float64(),
            "Done quantity as Odoo converted it; null up to 16",
            "product unit",
            "stock.move.line.quantity_product_uom",
        ),
        Column("from_ours", pl.Boolean(), "It left our stock", nullable=False),
        Column("to_ours", pl.Boolean(), "It reached our stock", nullable=False),
        Column(
            "movement_type",
            pl.String(),
            "Why it moved: the first rule that fits",
            values=MOVEMENT_TYPES,
            nullable=False,
        ),
    ),
)

FACT = Table(
    "fact_inventory_moves",
    grain="one stock move line that is done",
    key=("move_line_id",),
    columns=(
        *COMMON,
        Column(
            "quantity",
            QUANTITY,
            "Quantity that moved, without sign",
            "product unit",
            "stock.move.line.quantity_product_uom; up to 16 qty_done by the ratio of the units",
            nullable=False,
        ),
        Column(
            "quantity_signed",
            QUANTITY,
            "+ into our stock, - out of it, 0 within; for totals of a company only, since a move "
            "between two of our locations changes both",
            "product unit",
            "ours: usage internal, or transit of the line's own company",
            nullable=False,
        ),
        CLEAN.columns[-1],
        Column(
            "is_adjustment",
            pl.Boolean(),
            "Of movement_type adjustment: counted, not traded",
            nullable=False,
        ),
    ),
)


def movement_type() -> pl.Expr:
    """The first rule that fits a raw move line. Needs ``from_ours`` and ``to_ours``."""
    source, target = pl.col("location_id.usage"), pl.col("location_dest_id.usage")
    from_ours, to_ours = pl.col("from_ours"), pl.col("to_ours")
    consumed = pl.col("move_id.raw_material_production_id").is_not_null()
    produced = pl.col("move_id.production_id").is_not_null()
    scrapped = (
        pl.col("move_id.scrap_id").is_not_null()
        | pl.col("location_id.scrap_location").fill_null(False)
        | pl.col("location_dest_id.scrap_location").fill_null(False)
    )
    rules = (
        (consumed, "production_out"),
        (produced, "production_in"),
        (target == "production", "production_out"),
        (source == "production", "production_in"),
        (scrapped, "scrap"),
        ((source == "inventory") | (target == "inventory"), "adjustment"),
        ((source == "supplier") & to_ours, "receipt"),
        (from_ours & (target == "supplier"), "return_to_vendor"),
        (from_ours & (target == "customer"), "delivery"),
        ((source == "customer") & to_ours, "return_from_customer"),
        ((source == "supplier") & (target == "customer"), "dropship"),
        ((source == "customer") & (target == "supplier"), "dropship_return"),
        ((source == "internal") & (target == "internal"), "transfer"),
        ((source == "transit") & (target == "internal"), "transit_in"),
        ((source == "internal") & (target == "transit"), "transit_out"),
    )
    return pl.coalesce(*(pl.when(fits).then(pl.lit(name)) for fits, name in rules), pl.lit("other"))


def ours(location: str) -> pl.Expr:
    """Whether the location field ``location`` of a raw move line is stock of the line's company."""
    usage = pl.col(f"{location}.usage")
    own_transit = (usage == "transit") & (pl.col(f"{location}.company_id") == pl.col("company_id"))
    return ((usage == "internal") | own_transit).fill_null(False)


def clean(raw: pl.LazyFrame, zone: str) -> pl.LazyFrame:
    """Done lines that moved something, one row a line, with the reason they moved."""
    return (
        raw.filter((pl.col("state") == "done") & (pl.col("quantity") != 0))
        .unique("id", keep="last", maintain_order=True)
        .with_columns(from_ours=ours("location_id"), to_ours=ours("location_dest_id"))
        .select(
            "date",
            "move_id",
            "moved_at",
            "company_id",
            "product_id",
            "lot_id",
            "owner_id",
            "picking_id",
            "quantity_product_uom",
            "from_ours",
            "to_ours",
            move_line_id="id",
            moved_at_local=to_local(pl.col("moved_at"), zone),
            from_location_id="location_id",
            from_usage="location_id.usage",
            to_location_id="location_dest_id",
            to_usage="location_dest_id.usage",
            picking_type_code="picking_id.picking_type_id.code",
            partner_id=pl.coalesce("picking_id.partner_id", "move_id.partner_id"),
            reference="move_id.reference",
            origin=pl.coalesce("move_id.origin", "picking_id.origin"),
            manufacturing_order_id=pl.coalesce(
                "move_id.raw_material_production_id", "move_id.production_id"
            ),
            uom_id="product_uom_id",
            line_quantity="quantity",
            movement_type=movement_type(),
        )
    )


def fact(clean: pl.LazyFrame, dimensions: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """fact_inventory_moves from clean lines, dim_products (uom_id), dim_uoms (ratio_to_reference).

    Odoo itself converts to the product's unit from 17 on; before, the ratios of the units do.
    """
    ratios = dimensions["dim_uoms"].select("uom_id", "ratio_to_reference")
    of_product = dimensions["dim_products"].select("product_id", product_uom_id="uom_id")
    converted = (
        pl.col("line_quantity") * pl.col("ratio_to_reference") / pl.col("product_unit_ratio")
    )
    into_ours = pl.col("to_ours").cast(pl.Int8) - pl.col("from_ours").cast(pl.Int8)
    return (
        clean.join(ratios, on="uom_id", how="left")
        .join(of_product, on="product_id", how="left")
        .join(
            ratios.rename({"uom_id": "product_uom_id", "ratio_to_reference": "product_unit_ratio"}),
            on="product_uom_id",
            how="left",
        )
        .with_columns(moved=pl.coalesce("quantity_product_uom", converted))
        .with_columns(
            quantity=quantity(pl.col("moved").abs()),
            quantity_signed=quantity(pl.col("moved") * into_ours),
            is_adjustment=pl.col("movement_type") == "adjustment",
        )
        .select(FACT.schema.names())
    )


def dataset(settings: Settings) -> Dataset:
    """Stock moves of this retailer."""
    return Dataset(
        name="inventory_moves",
        description="Stock move lines, one row a line, on the business day they were done.",
        source=Source("stock.move.line", "date", "utc", FIELDS),
        clean_table=CLEAN,
        clean=lambda raw: clean(raw, settings.nkdash_timezone),
        fact=Fact(
            FACT,
            fact,
            dimensions=("dim_products", "dim_uoms"),
            measures=("quantity", "quantity_signed"),
        ),
        reconcile=RECONCILE,
    )
