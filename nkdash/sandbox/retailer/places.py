"""Where goods lie, come from and go to, and the journals that documents are booked in."""

import polars as pl

from nkdash.sandbox.retailer import catalog as c
from nkdash.sandbox.retailer.tables import lore, table
from nkdash.sandbox.store import Table

VENDORS, CUSTOMERS = 4, 5
STOCK, TRANSIT, ADJUSTMENT, PRODUCTION, SCRAP = 8, 13, 14, 15, 16
_FIRST_SHOP_VIEW = 20

ACCOUNTS = {
    8: "11210010 Account Receivable",
    28: "21100010 Trade Payable",
    37: "21221010 VAT Purchase",
    38: "21221020 VAT Sales",
    39: "21221030 PPh 23 Payable",
    54: "29000000 Interim Stock",
    63: "41000010 Sales",
    66: "51000010 Cost of Goods Sold",
    71: "61000010 Operating Expenses",
}
"""Names of accounts by id; their records are not held."""


def shop_stock(shop: int) -> int:
    """The stock location of a shop by its number."""
    return _FIRST_SHOP_VIEW + 2 * shop + 1


def stock_locations() -> list[int]:
    """The locations that keep stock for sale: the main warehouse's, then each shop's."""
    return [STOCK, *(shop_stock(shop) for shop in range(len(lore()["shops"])))]


def place_tables() -> list[Table]:
    """Locations, warehouses, picking types and journals."""
    houses = [lore()["warehouse"], *lore()["shops"]]
    stocks = stock_locations()
    return [
        _locations(houses),
        table(
            "stock.warehouse",
            {
                "id": [c.MAIN_WAREHOUSE + n for n in range(len(houses))],
                "name": [house["name"] for house in houses],
                "code": [house["code"] for house in houses],
                "active": True,
                "sequence": 10,
                "company_id": c.COMPANY,
                "partner_id": 1,
                "view_location_id": [stock - 1 for stock in stocks],
                "lot_stock_id": stocks,
                "in_type_id": _types(len(houses), c.RECEIPTS),
                "out_type_id": _types(len(houses), c.DELIVERIES),
                "int_type_id": _types(len(houses), c.INTERNAL),
                "reception_steps": "one_step",
                "delivery_steps": "ship_only",
            },
        ),
        _picking_types(houses, stocks),
        table(
            "account.journal",
            {
                "id": [c.SALES_JOURNAL, c.BILLS_JOURNAL, c.MISC_JOURNAL, c.POS_JOURNAL],
                "name": [
                    "Customer Invoices",
                    "Vendor Bills",
                    "Miscellaneous Operations",
                    "Point of Sale",
                ],
                "code": ["INV", "BILL", "MISC", "POSS"],
                "type": ["sale", "purchase", "general", "general"],
                "sequence": [5, 6, 7, 20],
                "active": True,
                "company_id": c.COMPANY,
            },
        ),
    ]


def _types(houses: int, kind: int) -> list[int]:
    return [c.picking_type(c.MAIN_WAREHOUSE + n, kind) for n in range(houses)]


def _picking_types(houses: list[dict[str, str]], stocks: list[int]) -> Table:
    kinds = [
        (c.RECEIPTS, "Receipts", "incoming", "IN"),
        (c.DELIVERIES, "Delivery Orders", "outgoing", "OUT"),
        (c.INTERNAL, "Internal Transfers", "internal", "INT"),
        (c.POS_ORDERS, "PoS Orders", "outgoing", "POS"),
    ]
    ends = {c.RECEIPTS: (VENDORS, None), c.DELIVERIES: (None, CUSTOMERS)}
    ends |= {c.INTERNAL: (None, None), c.POS_ORDERS: (None, CUSTOMERS)}
    rows = [
        {
            "id": c.picking_type(c.MAIN_WAREHOUSE + n, kind),
            "name": name,
            "code": code,
            "sequence_code": short,
            "warehouse_id": c.MAIN_WAREHOUSE + n,
            "default_location_src_id": ends[kind][0] or stock,
            "default_location_dest_id": ends[kind][1] or stock,
            "barcode": f"{house['code']}-{short}",
        }
        for n, (house, stock) in enumerate(zip(houses, stocks, strict=True))
        for kind, name, code, short in kinds
    ]
    columns = pl.DataFrame(rows).to_dict()
    common = {"active": True, "company_id": c.COMPANY, "sequence": 1}
    return table("stock.picking.type", {**columns, **common})


def _locations(houses: list[dict[str, str]]) -> Table:
    # id, name, parent, usage, warehouse, company
    rows: list[tuple[int, str, int | None, str, int | None, int | None]] = [
        (1, "Physical Locations", None, "view", None, None),
        (2, "Partners", None, "view", None, None),
        (3, "Virtual Locations", None, "view", None, None),
        (VENDORS, "Vendors", 2, "supplier", None, None),
        (CUSTOMERS, "Customers", 2, "customer", None, None),
        (TRANSIT, "Inter-warehouse transit", 1, "transit", None, c.COMPANY),
        (ADJUSTMENT, "Inventory adjustment", 3, "inventory", None, c.COMPANY),
        (PRODUCTION, "Production", 3, "production", None, c.COMPANY),
        (SCRAP, "Scrap", 3, "inventory", None, c.COMPANY),
    ]
    for n, (house, stock) in enumerate(zip(houses, stock_locations(), strict=True)):
        warehouse = c.MAIN_WAREHOUSE + n
        rows += [
            (stock - 1, house["code"], 1, "view", warehouse, c.COMPANY),
            (stock, "Stock", stock - 1, "internal", warehouse, c.COMPANY),
        ]
    parents = {row[0]: row for row in rows}

    def path(location: int) -> list[int]:
        above = parents[location][2]
        return [*(path(above) if above else []), location]

    def full_name(location: int) -> str:
        _, name, above, usage, _, _ = parents[location]
        # Odoo leaves view locations above a warehouse out of the name.
        if above is None or usage == "view":
            return name
        return f"{full_name(above)}/{name}"

    ids = [row[0] for row in rows]
    return table(
        "stock.location",
        {
            "id": ids,
            "name": [row[1] for row in rows],
            "complete_name": [full_name(id_) for id_ in ids],
            "parent_path": ["".join(f"{step}/" for step in path(id_)) for id_ in ids],
            "location_id": pl.Series([row[2] for row in rows], dtype=pl.Int64),
            "usage": [row[3] for row in rows],
            "warehouse_id": pl.Series([row[4] for row in rows], dtype=pl.Int64),
            "company_id": pl.Series([row[5] for row in rows], dtype=pl.Int64),
            "scrap_location": [id_ == SCRAP for id_ in ids],
            "return_location": [id_ == VENDORS for id_ in ids],
            "active": True,
        },
    )
