"""The table contract: the one source for schemas on write, checks, DuckDB types and the docs."""

from nkdash.contracts.decimals import MONEY_DECIMALS
from nkdash.contracts.table import (
    MONEY,
    PRICE,
    QUANTITY,
    TIMESTAMP,
    Column,
    ContractViolationError,
    Finding,
    Severity,
    Table,
    conform,
    empty,
    findings,
    money,
    price,
    quantity,
)

__all__ = [
    "MONEY",
    "MONEY_DECIMALS",
    "PRICE",
    "QUANTITY",
    "TIMESTAMP",
    "Column",
    "ContractViolationError",
    "Finding",
    "Severity",
    "Table",
    "conform",
    "empty",
    "findings",
    "money",
    "price",
    "quantity",
]
