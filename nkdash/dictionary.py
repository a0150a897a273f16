"""The data dictionary as Markdown: every table and column of the lake and of the warehouse.

Told by the contracts, and by the SQL of the tables that are made in the warehouse.
"""

from collections.abc import Iterable, Iterator, Sequence

from nkdash.catalog import Catalog
from nkdash.contracts import Column, Table
from nkdash.quality import verdicts
from nkdash.settings import Settings
from nkdash.warehouse import restatements
from nkdash.warehouse.ddl import duckdb_type
from nkdash.warehouse.shape import MadeTable, made_tables

HEAD = """\
# Data dictionary

Every table and column of the lake and of the warehouse. Made by

    nkdash dictionary > docs/data-dictionary.md

from the table contracts in `nkdash/datasets` and `nkdash/dimensions` and from
`nkdash/warehouse/sql`; change it there.

- `raw` mirrors Odoo: its names, every state, one folder per business day. `clean` filters, types
  and names. The star schema is what people join; it is in the warehouse under the same names.
- Types are DuckDB's. Money is in company currency; `_tax_ex` is without tax, `_tax_in` with tax.
- `date` is the local business day. `_at` is UTC, `_at_local` is local time.
- A column without null has `no` under *null*. Keys are unique over all days, but for
  snapshots of stock, where they are within a day.
"""

LAYERS = {
    "raw": "Raw: as Odoo answers",
    "clean": "Clean: filtered, typed, named",
    "star": "Star schema: facts and dimensions",
    "warehouse": "Warehouse: made when it is published",
}


def dictionary(catalog: Catalog, settings: Settings) -> str:
    """The dictionary of everything in ``catalog``, the same for the same code and settings."""
    layers: dict[str, list[tuple[str, str]]] = {
        "raw": [
            (table.name, _lake_table(table, about))
            for table, about in (
                *((d.raw_table, d.description) for d in catalog.datasets),
                *((d.raw_table, d.description) for d in catalog.dimensions),
            )
        ],
        "clean": [(d.clean_table.name, _lake_table(d.clean_table)) for d in catalog.datasets],
        "star": [
            (table.name, _lake_table(table))
            for table in (*catalog.facts, *catalog.dimension_tables)
        ],
        "warehouse": [
            *((t.derived.name, _made_table(t)) for t in made_tables(catalog, settings)),
            (verdicts.TABLE.name, _contract_table(verdicts.TABLE)),
            (restatements.TABLE.name, _contract_table(restatements.TABLE)),
        ],
    }
    parts = [HEAD]
    parts += [
        f"**{LAYERS[layer]}**: "
        + ", ".join(f"[{name}](#{layer}-{name})" for name, _ in sorted(tables))
        + "\n"
        for layer, tables in layers.items()
    ]
    for layer, tables in layers.items():
        parts.append(f"## {LAYERS[layer]}\n")
        parts += [f"### {layer} {name}\n\n{text}" for name, text in sorted(tables)]
    return "\n".join(parts)


def _lake_table(table: Table, about: str = "") -> str:
    days = "One file per day." if table.partitioned else "One file."
    return f"{about} {days} {_contract_table(table)}".strip()


def _contract_table(table: Table) -> str:
    key = ", ".join(f"`{name}`" for name in table.key)
    columns = (
        (
            f"`{c.name}`",
            duckdb_type(c.dtype),
            c.unit or "",
            "" if c.nullable else "no",
            c.source or "",
            _description(c),
        )
        for c in table.columns
    )
    head = ("column", "type", "unit", "null", "Odoo field or formula", "description")
    return f"One row: {table.grain}. Key: {key}.\n\n{_grid(head, columns)}"


def _description(column: Column) -> str:
    limits = [
        f"one of {', '.join(column.values)}" if column.values else "",
        f"{column.minimum:g} or more" if column.minimum is not None else "",
        f"{column.maximum:g} or less" if column.maximum is not None else "",
    ]
    if any(limits) and column.severity == "warn":
        limits.append("what breaks this lands with a warning")
    return "; ".join([column.description, *filter(None, limits)])


def _made_table(table: MadeTable) -> str:
    derived = table.derived
    folder = "macros" if table.arguments else "tables"
    path = f"nkdash/warehouse/sql/{folder}/{derived.name}.sql"
    made_from = ", ".join(f"`{name}`" for name in dict.fromkeys(derived.needs))
    words = [
        derived.description,
        f"Asked for as `{derived.name}({', '.join(table.arguments)})`." if table.arguments else "",
        f"Made from {made_from} by [{derived.name}.sql](../{path})."
        if made_from
        else f"Made by [{derived.name}.sql](../{path}).",
    ]
    columns = (
        (
            f"`{c.name}`",
            c.type,
            (c.note.unit or "") if c.note else "",
            c.note.description if c.note else "",
        )
        for c in table.columns
    )
    grid = _grid(("column", "type", "unit", "description and formula"), columns)
    return f"{' '.join(filter(None, words))}\n\n{grid}"


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(_lines(head, rows)) + "\n"


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
