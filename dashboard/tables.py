"""Tables: columns, the question behind, one block of rows sorted and filtered on the server.

A page declares its own tables beside its sections.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.context import Context
from nkdash.kpis import format as fmt
from nkdash.kpis.model import Query

BLOCK = 100
_TEXT_FILTERS = {"contains": "contains(lower(CAST({column} AS VARCHAR)), lower(${name}))"}
_NUMBER_FILTERS = {
    "equals": "{column} = ${name}",
    "greaterThan": "{column} > ${name}",
    "lessThan": "{column} < ${name}",
}


@dataclass(frozen=True)
class Column:
    """One column. ``kind``: text, money, count, decimal, ratio, change, days, day,
    moment, flag or word; of a word the text ``<name>.<value>`` is shown.
    """

    name: str
    kind: str
    width: int = 120
    grows: bool = False

    @property
    def is_number(self) -> bool:
        """Aligned to the right and compared by size."""
        return self.kind in ("money", "count", "decimal", "ratio", "change", "days")


@dataclass(frozen=True)
class Table:
    """A table of a page; ``key`` is unique in it and settles ties, ``sort`` is the default.

    A click on a row leads to its ``href``, or opens a drawer with what ``drawer`` makes of its key.
    """

    name: str
    key: str
    sort: str
    columns: tuple[Column, ...]
    query: Callable[[Context], Query]
    href: Callable[[Context, Mapping[str, Any]], str] | None = None
    drawer: Callable[[Context, str], Any] | None = None


def order(table: Table, sort: str) -> tuple[str, bool]:
    """Column and whether descending; the table's own where ``sort`` names none of its columns."""
    names = {column.name for column in table.columns}
    wanted = sort if sort.removeprefix("-") in names else table.sort
    return wanted.removeprefix("-"), wanted.startswith("-")


def block(
    ctx: Context, table: Table, first: int, last: int, sort: str, filters: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], int]:
    """Rows ``first`` to ``last`` (exclusive) as they read, and how many there are in all."""
    inner = table.query(ctx)
    where, params = _where(table, filters)
    total = Query(
        f"SELECT count(*) AS n FROM ({inner.sql}) AS t{where}", {**inner.params, **params}
    )
    ordered = f"SELECT * FROM ({inner.sql}) AS t{where}{_order_by(table, sort)}"
    rows = Query(
        f"{ordered} LIMIT $limit OFFSET $skip",
        {**inner.params, **params, "limit": max(0, last - first), "skip": first},
    )
    frame = ctx.session.frame(rows)
    return [_read(ctx, table, row) for row in frame.to_dicts()], ctx.session.frame(total).item()


def count(ctx: Context, table: Table) -> int:
    """How many rows there are in all."""
    inner = table.query(ctx)
    total = Query(f"SELECT count(*) AS n FROM ({inner.sql}) AS t", inner.params)
    return int(ctx.session.frame(total).item())


def whole(ctx: Context, table: Table, sort: str) -> Query:
    """Every row, unformatted, in order; for the export."""
    inner = table.query(ctx)
    return Query(f"SELECT * FROM ({inner.sql}) AS t{_order_by(table, sort)}", inner.params)


def _order_by(table: Table, sort: str) -> str:
    column, descending = order(table, sort)
    return f" ORDER BY {column} {'DESC' if descending else 'ASC'} NULLS LAST, {table.key}"


def _where(table: Table, filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    terms: list[str] = []
    params: dict[str, Any] = {}
    for number, column in enumerate(table.columns):
        model = filters.get(column.name) or {}
        known = _NUMBER_FILTERS if column.is_number else _TEXT_FILTERS
        if model.get("type") in known and model.get("filter") not in (None, ""):
            name = f"f{number}"
            terms.append(known[model["type"]].format(column=column.name, name=name))
            value = model["filter"]
            params[name] = float(value) if column.is_number else str(value)
    return (f" WHERE {' AND '.join(terms)}" if terms else ""), params


def _read(ctx: Context, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    cells = {c.name: _cell(ctx, c, row[c.name]) for c in table.columns}
    link = {"href": table.href(ctx, row)} if table.href else {}
    drawer = {"drawer": table.name} if table.drawer else {}
    return {**cells, table.key: row[table.key], "row_id": str(row[table.key]), **link, **drawer}


def _cell(ctx: Context, column: Column, value: Any) -> str:
    if value is None:
        return "" if column.kind == "text" else fmt.NO_FIGURE
    match column.kind:
        case "money":
            return fmt.money(value, ctx.currency)
        case "ratio":
            return fmt.percent(value)
        case "change":
            return fmt.signed_percent(value)
        case "count":
            return fmt.count(value) if value == int(value) else fmt.count(value, 2)
        case "decimal":
            return fmt.count(value, 2)
        case "days":
            return fmt.count(value, 1)
        case "day":
            return ctx.day(value)
        case "word":
            return ctx.t(f"{column.name}.{value}")
        case "flag":
            return ctx.t("flag.yes") if value else ""
        case "moment":
            assert isinstance(value, datetime)  # noqa: S101 - the column is a TIMESTAMP
            return fmt.moment(value, ctx.t("months"))
        case _:
            return str(value)


def definitions(ctx_texts: Callable[[str], str], table: Table, sort: str) -> list[dict[str, Any]]:
    """Column definitions of the grid."""
    by, descending = order(table, sort)
    return [
        {
            "field": c.name,
            "headerName": ctx_texts(f"column.{c.name}"),
            "width": c.width,
            "minWidth": c.width if c.grows else min(c.width, 90),
            "type": "rightAligned" if c.is_number else None,
            "filter": "agNumberColumnFilter" if c.is_number else "agTextColumnFilter",
            "filterParams": {
                "filterOptions": [*_NUMBER_FILTERS] if c.is_number else [*_TEXT_FILTERS],
                "maxNumConditions": 1,
            },
            **({} if c.kind != "text" else {"floatingFilter": True}),
            **({"flex": 1} if c.grows else {}),
            **({"sort": "desc" if descending else "asc"} if c.name == by else {}),
            **({"filter": False} if c.kind in ("moment", "day", "flag", "word") else {}),
        }
        for c in table.columns
    ]
