"""Odoo's read methods over a caller's ``Env``: what ``execute_kw`` may call."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from nkdash.sandbox import schema
from nkdash.sandbox.env import Env
from nkdash.sandbox.errors import (
    OdooError,
    bad_arguments,
    no_record_access,
    private_method,
    unknown_method,
    unknown_model,
    unreadable_field,
)
from nkdash.sandbox.grouping import formatted_read_group, read_group
from nkdash.sandbox.ordering import sort_rows
from nkdash.sandbox.store import Table
from nkdash.sandbox.values import EMPTY, plain

Record = dict[str, Any]


def call(env: Env, model: str, method: str, args: Sequence[Any], kwargs: Record) -> Any:
    """Run one method as ``execute_kw`` would; raises ``OdooError``."""
    function = find(env, model, method)
    try:
        bound = inspect.signature(function).bind(env, model, *args, **kwargs)
    except TypeError as cause:
        raise bad_arguments(f"{model}.{method}() {cause}") from cause
    return function(*bound.args, **bound.kwargs)


def find(env: Env, model: str, method: str) -> Callable[..., Any]:
    """The function behind a method, to be called with ``env`` and ``model`` first.

    Raises ``OdooError`` for what Odoo would not call, and for everything that writes.
    """
    if method.startswith("_"):
        raise private_method(model, method)
    if model not in env.world.tables:
        raise unknown_model(model)
    if method in _WRITES:
        env.check_access(model, _WRITES[method])
    function = _METHODS.get(method)
    if function is None or env.world.major < _SINCE.get(method, 0):
        raise unknown_method(model, method)
    return function


def search(
    env: Env,
    model: str,
    domain: Sequence[Any],
    offset: int = 0,
    limit: int | None = None,
    order: str | None = None,
) -> list[int]:
    """Ids that match, in order."""
    return _page(env, model, domain, offset, limit, order)["id"].to_list()


def search_count(env: Env, model: str, domain: Sequence[Any], limit: int | None = None) -> int:
    """How many records match, at most ``limit``."""
    count = env.rows(model, domain).height
    return min(count, limit) if limit else count


def search_read(
    env: Env,
    model: str,
    domain: Sequence[Any] | None = None,
    fields: Sequence[str] | None = None,
    offset: int = 0,
    limit: int | None = None,
    order: str | None = None,
    load: str | bool | None = "_classic_read",
) -> list[Record]:
    """Records that match, in order, with the fields asked for (all if none are)."""
    names = _checked_fields(env, model, fields)
    rows = _page(env, model, domain or (), offset, limit, order)
    return _answers(env, model, rows, names, load)


def read(
    env: Env,
    model: str,
    ids: int | Sequence[int],
    fields: Sequence[str] | None = None,
    load: str | bool | None = "_classic_read",
) -> list[Record]:
    """Records by id, in the order of ``ids``; missing ones are left out."""
    names = _checked_fields(env, model, fields)
    table = env.table(model)
    wanted = pl.Series("id", [ids] if isinstance(ids, int) else list(ids), dtype=pl.Int64)
    rows = wanted.to_frame().join(table.frame, on="id", how="inner", maintain_order="left")
    rule = env.company_rule(table)
    if rule is not None:
        hidden = rows.filter(~rule)["id"]
        if hidden.len():
            title = schema.TITLES.get(model, model)
            raise no_record_access(title, model, hidden, env.user.login)
    return _answers(env, model, rows, names, load)


def fields_get(
    env: Env,
    model: str,
    allfields: Sequence[str] | None = None,
    attributes: Sequence[str] | None = None,
) -> dict[str, Record]:
    """Descriptions of the fields, with the attributes asked for (all if none are)."""
    fields = env.table(model).fields
    return {
        name: {
            key: value
            for key, value in field.attributes.items()
            if not attributes or key in attributes
        }
        for name, field in fields.items()
        if not allfields or name in allfields
    }


def check_access_rights(env: Env, model: str, operation: str, raise_exception: bool = True) -> bool:
    """Whether the user may read, write, create or unlink records of the model."""
    try:
        env.check_access(model, operation)
    except OdooError:
        if raise_exception:
            raise
        return False
    return True


def has_access(env: Env, model: str, ids: Sequence[int], operation: str) -> bool:
    """Whether the user may do this with the records (with none: with the model)."""
    return check_access_rights(env, model, operation, raise_exception=False)


def has_group(
    env: Env, model: str, ids: str | Sequence[int], group_ext_id: str | None = None
) -> bool:
    """Whether the user is in the group of this external id; up to 17 it is the one argument."""
    if model != "res.users":
        raise unknown_method(model, "has_group")
    if (group_ext_id is None) != (env.world.major < 18):
        raise bad_arguments("res.users.has_group() takes other arguments in this version")
    return (group_ext_id or ids) in env.user.rights.groups


def context_get(env: Env, model: str) -> Record:
    """The user's language and time zone."""
    if model != "res.users":
        raise unknown_method(model, "context_get")
    return {"lang": "en_US", "tz": "Asia/Jakarta", "uid": env.user.uid}


def _page(
    env: Env,
    model: str,
    domain: Sequence[Any],
    offset: int,
    limit: int | None,
    order: str | None,
) -> pl.DataFrame:
    rows = sort_rows(env, model, env.rows(model, domain), order or schema.ORDERS.get(model, "id"))
    return rows.slice(offset or 0, limit or None)


def _checked_fields(env: Env, model: str, fields: Sequence[str] | None) -> list[str]:
    known = env.table(model).fields
    for name in fields or ():
        if name not in known:
            raise unreadable_field(model, name)
    # A binary is only ever answered when it is asked for.
    return list(fields or (n for n, field in known.items() if field.type != "binary"))


def _answers(
    env: Env, model: str, rows: pl.DataFrame, names: Sequence[str], load: str | bool | None
) -> list[Record]:
    table = env.table(model)
    keys = list(dict.fromkeys(["id", *names]))
    columns = [_answer(env, table, rows, name, load == "_classic_read") for name in keys]
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]


def plain_records(table: Table, rows: pl.DataFrame) -> list[Record]:
    """Rows as the values that the store takes back: bare ids, UTC text."""
    names = [name for name in rows.columns if name in table.fields]
    columns = [plain(table.fields[name], rows[name]) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _answer(env: Env, table: Table, rows: pl.DataFrame, name: str, classic: bool) -> list[Any]:
    field = table.fields[name]
    if field.company_dependent and _is_foreign(env):
        return [EMPTY.get(field.type, False)] * rows.height
    values = env.world.values(table.model, rows, name)
    if field.type == "many2one" and classic:
        names = env.world.names(field.relation or "", values)
        return [False if i is None else (i, names.get(i, "")) for i in values]
    return plain(field, values)


def _is_foreign(env: Env) -> bool:
    """Company-dependent values are held for the main company; it is the one meant by default."""
    allowed = env.context.get("allowed_company_ids") or [min(env.user.company_ids)]
    return bool(allowed[0] != min(env.user.company_ids))


_METHODS: dict[str, Callable[..., Any]] = {
    "search": search,
    "search_count": search_count,
    "search_read": search_read,
    "read": read,
    "read_group": read_group,
    "formatted_read_group": formatted_read_group,
    "fields_get": fields_get,
    "check_access_rights": check_access_rights,
    "has_access": has_access,
    "has_group": has_group,
    "context_get": context_get,
}
_SINCE = {"formatted_read_group": 19, "has_access": 18}
ON_RECORDS = frozenset({"read", "has_access", "has_group"})
"""Methods of records, whose ids come first; all others are the model's."""
_WRITES = {
    "create": "create",
    "write": "write",
    "unlink": "unlink",
    "copy": "create",
    "name_create": "create",
    "toggle_active": "write",
    "action_archive": "write",
    "action_unarchive": "write",
}
