"""The warehouse: the lake's star schema as a versioned DuckDB snapshot, published and read."""

from nkdash.warehouse.errors import (
    BrokenWarehouseError,
    NothingToPublishError,
    NoWarehouseError,
    OldSchemaError,
    PublishError,
    UnreachableWarehouseError,
    WarehouseError,
)
from nkdash.warehouse.publisher import PublishResult, publish
from nkdash.warehouse.reader import Warehouse
from nkdash.warehouse.remote import Stored, current
from nkdash.warehouse.snapshot import SCHEMA_VERSION
from nkdash.warehouse.versions import Published

__all__ = [
    "SCHEMA_VERSION",
    "BrokenWarehouseError",
    "NoWarehouseError",
    "NothingToPublishError",
    "OldSchemaError",
    "PublishError",
    "PublishResult",
    "Published",
    "Stored",
    "UnreachableWarehouseError",
    "Warehouse",
    "WarehouseError",
    "current",
    "publish",
]
