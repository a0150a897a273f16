"""The log of past days whose figures changed after they had been published."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from dash import html

from dashboard import format as fmt
from dashboard.components.runs import listing
from dashboard.components.wording import Wording


def restatements(say: Wording, rows: Sequence[Mapping[str, Any]]) -> html.Div:
    """Every column that the warehouse's table has, newest change first."""
    columns = list(rows[0]) if rows else []
    heads = [say.either(f"restated.{c}", c.replace("_", " ")) for c in columns]
    numbers = {c for c in columns if any(isinstance(r[c], int | float | Decimal) for r in rows)}
    lines = [
        html.Tr(
            [
                html.Td(_told(say, row[c]), className="number" if c in numbers else None)
                for c in columns
            ]
        )
        for row in rows
    ]
    right = [head for head, c in zip(heads, columns, strict=True) if c in numbers]
    return listing(say, "ops.restated", heads, lines, numbers=right, written=True)


def _told(say: Wording, value: Any) -> str:
    match value:
        case None:
            return fmt.NO_FIGURE
        case datetime():
            return say.moment(value)
        case date():
            return say.day(value)
        case int() | float() | Decimal():
            return (
                f"{value:,f}".rstrip("0").rstrip(".")
                if not isinstance(value, int)
                else f"{value:,}"
            )
        case _:
            return str(value)
