"""The log of past days whose figures changed after they had been published."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from dashboard import html
from dashboard.components.runs import listing
from dashboard.components.wording import Wording
from nkdash.kpis import format as fmt

HEADS = (
    "ops.days",
    "restated.table",
    "restated.measure",
    "restated.before",
    "restated.after",
    "restated.change",
    "restated.version",
    "restated.published_at",
)
NUMBERS = HEADS[3:7]


def restatements(say: Wording, rows: Sequence[Mapping[str, Any]]) -> html.Div:
    """A line a day and figure: before, after, and by how much; the newest change first."""
    return listing(say, "ops.restated", HEADS, [_line(say, row) for row in rows], numbers=NUMBERS)


def _line(say: Wording, row: Mapping[str, Any]) -> html.Tr:
    before, after = row["value_before"], row["value_after"]
    change = (after or Decimal(0)) - (before or Decimal(0))
    return html.Tr(
        [
            html.Td(say.day(row["date"])),
            html.Td(row["table_name"]),
            html.Td(say.either(f"restated.{row['measure']}", row["measure"].replace("_", " "))),
            _number(_figure(before)),
            _number(_figure(after)),
            _number(("+" if change > 0 else "") + _figure(change)),
            _number(str(row["version"])),
            html.Td(say.moment(row["published_at"])),
        ]
    )


def _number(words: str) -> html.Td:
    return html.Td(words, className="number")


def _figure(value: Decimal | None) -> str:
    if value is None:
        return fmt.NO_FIGURE
    return fmt.count(value, 0 if value == value.to_integral_value() else 2)
