"""The lines of one document as a small table, for the drawer that a row opens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dashboard import html
from dashboard.context import Context
from nkdash.kpis import format as fmt

Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """A column of the table: the key of its heading, and what a row has in it."""

    name: str
    read: Callable[[Row], Any]
    is_number: bool = True


def lines_table(
    ctx: Context, cells: Sequence[Cell], rows: Sequence[Row], total: str | None = None
) -> html.Table:
    """Rows under headings ``column.<name>``; ``total`` stands below the last column."""
    head = [
        html.Th(ctx.t(f"column.{cell.name}"), className="number" if cell.is_number else None)
        for cell in cells
    ]
    body = [
        html.Tr(
            [
                html.Td(cell.read(row), className="number" if cell.is_number else None)
                for cell in cells
            ]
        )
        for row in rows
    ]
    parts = [html.Thead(html.Tr(head)), html.Tbody(body)]
    if total is not None:
        label = html.Th(ctx.t("lines.total"), colSpan=len(cells) - 1)
        parts.append(html.Tfoot(html.Tr([label, html.Td(total, className="number")])))
    return html.Table(parts, className="lines")


def product(row: Row) -> list[Any]:
    """Name and SKU of a row's product."""
    return [row["name"], html.Small(row["sku"] or "")]


def units(value: Decimal | None) -> str:
    """A quantity without needless zeros; an en dash where there is none."""
    return fmt.NO_FIGURE if value is None else f"{value.normalize():f}"
