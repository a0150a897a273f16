"""Sorting as Odoo and PostgreSQL do: several fields, many2ones by their model's order."""

import re

import polars as pl

from nkdash.sandbox import schema
from nkdash.sandbox.env import Env
from nkdash.sandbox.errors import invalid_field, value_error


def sort_rows(env: Env, model: str, rows: pl.DataFrame, order: str) -> pl.DataFrame:
    """Rows in Odoo's order; rows come sorted by id. Nulls rank above all, as in PostgreSQL."""
    keys: list[pl.Series] = []
    descending: list[bool] = []
    for name, desc in _order_terms(env, model, order):
        if name == "id":
            if not keys:
                return rows.reverse() if desc else rows
            keys.append(rows["id"])
            descending.append(desc)
            break
        for key, key_desc in sort_keys(env, model, rows, name):
            keys.append(key)
            descending.append(desc != key_desc)
    frame = pl.DataFrame([key.alias(str(n)) for n, key in enumerate(keys)])
    indices = frame.with_row_index("row").sort(
        [str(n) for n in range(len(keys))],
        descending=descending,
        nulls_last=[not desc for desc in descending],
        maintain_order=True,
    )["row"]
    return rows[indices]


def _order_terms(env: Env, model: str, order: str) -> list[tuple[str, bool]]:
    terms = []
    for term in order.split(","):
        match = re.fullmatch(r"\s*(\w+)(?:\s+(asc|desc))?(?:\s+nulls\s+\w+)?\s*", term, re.I)
        if match is None:
            raise value_error(f"Invalid order {order!r}")
        name, direction = match.groups()
        if env.field(model, name) is None:
            raise invalid_field(model, name)
        terms.append((name, (direction or "").lower() == "desc"))
    return terms


def sort_keys(env: Env, model: str, rows: pl.DataFrame, name: str) -> list[tuple[pl.Series, bool]]:
    """The columns that sort a field: a many2one sorts as its model does."""
    field = env.field(model, name)
    values = env.world.values(model, rows, name)
    comodel = field.relation if field and field.type == "many2one" else None
    if comodel is None or comodel not in env.world.tables:
        return [(values, False)]
    first, desc = _order_terms(env, comodel, schema.ORDERS.get(comodel, "id"))[0]
    if first == "id":
        return [(values, desc)]
    return [(env.world.follow(model, rows, f"{name}.{first}"), desc), (values, desc)]
