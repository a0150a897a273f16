"""``read_group`` and, from 19 on, ``formatted_read_group`` as Odoo answers them."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import polars as pl

from nkdash.sandbox.domain import TRUE_LEAF, conjunction, flat_conjunction
from nkdash.sandbox.env import Env
from nkdash.sandbox.errors import invalid_field, value_error
from nkdash.sandbox.ordering import sort_keys
from nkdash.sandbox.schema import SUMMED, Field
from nkdash.sandbox.values import plain

GRANULARITIES = {
    "hour": "1h",
    "day": "1d",
    "week": "1w",
    "month": "1mo",
    "quarter": "1q",
    "year": "1y",
}
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class _Group:
    """One grouping: ``spec`` as the caller wrote it, the ``path`` to its field, a date's
    granularity."""

    spec: str
    path: str
    field: Field
    granularity: str | None


@dataclass(frozen=True)
class _Aggregate:
    """One figure: ``key`` in the answer, the field and the function."""

    key: str
    field: Field
    function: str


def read_group(
    env: Env,
    model: str,
    domain: Sequence[Any],
    fields: Sequence[str],
    groupby: str | Sequence[str],
    offset: int = 0,
    limit: int | None = None,
    orderby: str | bool | None = None,
    lazy: bool = True,
) -> list[dict[str, Any]]:
    """Groups with their aggregates; times are cut in the context's ``tz`` (UTC if unknown)."""
    env.table(model)
    specs = [groupby] if isinstance(groupby, str) else list(groupby)
    groups = [_group(env, model, spec) for spec in (specs[:1] if lazy else specs)]
    aggregates = [a for spec in fields if (a := _aggregate(env, model, spec, groups))]
    count = f"{groups[0].field.name}_count" if lazy and len(groups) == 1 else "__count"
    answers = []
    for found in _found(env, model, domain, groups, aggregates, count, orderby, offset, limit):
        answer: dict[str, Any] = {g.spec: s for g, s in zip(groups, found.shown, strict=True)}
        answer[count] = found.count
        for aggregate, figure in zip(aggregates, found.figures, strict=True):
            answer[aggregate.key] = figure
        own = [_domain_of(*g) for g in zip(groups, found.values, found.bounds, strict=True)]
        answer["__domain"] = _nested(env.world.major, domain, own)
        ranges = {g.spec: b for g, b in zip(groups, found.bounds, strict=True) if g.granularity}
        if ranges:
            answer["__range"] = ranges
        if lazy and len(specs) > 1:
            answer["__context"] = {"group_by": specs[1:]}
        answers.append(answer)
    return answers


def formatted_read_group(
    env: Env,
    model: str,
    domain: Sequence[Any],
    groupby: Sequence[str] = (),
    aggregates: Sequence[str] = (),
    having: Sequence[Any] = (),
    offset: int = 0,
    limit: int | None = None,
    order: str | None = None,
) -> list[dict[str, Any]]:
    """Groups as Odoo 19's web client gets them; groupings may lead through many2ones.

    A date's group is ``[first instant, label]``; its end is in ``__extra_domain`` only. ``having``
    is not played: it must be empty.
    """
    env.table(model)
    if having:
        raise value_error("This sandbox has no having")
    groups = [_followed_group(env, model, spec) for spec in groupby]
    asked = {spec: _aggregate(env, model, spec, groups) for spec in aggregates}
    figured = [replace(a, key=spec) for spec, a in asked.items() if a is not None]
    answers = []
    for found in _found(env, model, domain, groups, figured, "__count", order, offset, limit):
        answer: dict[str, Any] = {}
        own = []
        for group, value, shown, bounds in zip(
            groups, found.values, found.shown, found.bounds, strict=True
        ):
            answer[group.spec] = [bounds["from"], shown] if isinstance(bounds, dict) else shown
            own.append(_domain_of_path(group.path, _domain_of(group, value, bounds), value is None))
        answer["__extra_domain"] = flat_conjunction(*own) if own else [list(TRUE_LEAF)]
        figures = dict(zip((a.key for a in figured), found.figures, strict=True))
        for spec, aggregate in asked.items():
            answer[spec] = found.count if aggregate is None else figures[spec]
        answers.append(answer)
    return answers


@dataclass(frozen=True)
class _Found:
    """One group: its keys as held, as shown, a date's limits; the figures as answered."""

    count: int
    values: list[Any]
    shown: list[Any]
    bounds: list[dict[str, str] | bool]
    figures: list[Any]


def _found(
    env: Env,
    model: str,
    domain: Sequence[Any],
    groups: list[_Group],
    aggregates: list[_Aggregate],
    count: str,
    orderby: str | bool | None,
    offset: int,
    limit: int | None,
) -> Iterator[_Found]:
    zone = _zone(env)
    rows = env.rows(model, domain)
    frame = _keyed(env, model, rows, groups, aggregates, zone)
    keys = [f"key{n}" for n in range(len(groups))]
    figures = [_figure(aggregate, f"value{n}") for n, aggregate in enumerate(aggregates)]
    ranks = [pl.col(f"^rank{n}_.*$").first() for n in range(len(groups))]
    measures = [pl.len().alias("count"), *figures, *ranks]
    grouped = (
        frame.group_by(keys, maintain_order=True).agg(measures) if keys else frame.select(measures)
    )
    grouped = _ordered(grouped, groups, aggregates, count, orderby)
    grouped = grouped.slice(offset or 0, limit or None)
    shown = [_shown(env, group, grouped[key]) for group, key in zip(groups, keys, strict=True)]
    for n, row in enumerate(grouped.iter_rows(named=True)):
        values = [row[key] for key in keys]
        yield _Found(
            count=row["count"],
            values=values,
            shown=[column[n] for column in shown],
            bounds=[_bounds(g, value, zone) for g, value in zip(groups, values, strict=True)],
            figures=[_plain_figure(row[f"value{v}"]) for v in range(len(aggregates))],
        )


def _followed_group(env: Env, model: str, spec: str) -> _Group:
    """A grouping of 19, that may lead through many2ones to the field of another model."""
    path, colon, granularity = spec.partition(":")
    *links, name = path.split(".")
    for link in links:
        field = env.field(model, link)
        if field is None or field.type != "many2one" or field.relation is None:
            raise invalid_field(model, link)
        model = field.relation
        env.table(model)
    return replace(_group(env, model, f"{name}{colon}{granularity}"), spec=spec, path=path)


def _domain_of_path(path: str, own: list[Any], empty: bool) -> list[Any]:
    for link in reversed(path.split(".")[:-1]):
        below = [[link, "any", own]]
        own = ["|", [link, "not any", []], *below] if empty else below
    return own


def _group(env: Env, model: str, spec: str) -> _Group:
    match = re.fullmatch(r"(\w+)(?:\.(\w+))?(?::(\w+))?", spec)
    if match is None:
        raise value_error(f"Invalid aggregate/groupby specification {spec!r}.")
    name, property_name, granularity = match.groups()
    field = env.field(model, name)
    if field is None:
        raise invalid_field(model, name)
    if property_name:
        raise value_error(f"Property name {property_name!r} has to be used on a property field.")
    if field.type in ("date", "datetime"):
        granularity = granularity or "month"
        if granularity not in GRANULARITIES:
            raise value_error(f"Granularity specification isn't correct: {granularity!r}")
    elif granularity:
        raise value_error(f"Granularity set on a no-datetime field or property: {spec!r}")
    _check_stored(env, model, field)
    return _Group(spec, name, field, granularity)


def _aggregate(env: Env, model: str, spec: str, groups: list[_Group]) -> _Aggregate | None:
    if spec == "__count":
        return None
    match = re.fullmatch(r"(\w+)(?::(\w+)(?:\((\w+)\))?)?", spec)
    if match is None:
        raise value_error(f"Invalid field specification {spec!r}.")
    key, function, source = match.groups()
    field = env.field(model, source or key)
    if field is None:
        raise invalid_field(model, source or key)
    if function is None:
        grouped = any(group.spec == spec for group in groups)
        if grouped or not field.store or field.type not in SUMMED or key == "id":
            return None
        function = "sum"
    if function not in _FUNCTIONS:
        raise value_error(f"Invalid aggregate method {function!r} for {spec!r}.")
    _check_stored(env, model, field)
    return _Aggregate(key, field, function)


def _check_stored(env: Env, model: str, field: Field) -> None:
    if not env.is_held(model, field.name) and not env.related_path(model, field.name):
        raise value_error(f"Cannot convert {model}.{field.name} to SQL because it is not stored")


def _zone(env: Env) -> tzinfo:
    name = env.context.get("tz")
    return ZoneInfo(name) if name in available_timezones() else UTC


def _keyed(
    env: Env,
    model: str,
    rows: pl.DataFrame,
    groups: list[_Group],
    aggregates: list[_Aggregate],
    zone: tzinfo,
) -> pl.DataFrame:
    columns: list[pl.Series] = [rows["id"]]
    for n, group in enumerate(groups):
        values = env.world.follow(model, rows, group.path)
        if group.granularity:
            values = _cut(values, group.granularity, zone)
        columns.append(values.alias(f"key{n}"))
        if group.field.type == "many2one" and "." not in group.path:
            for k, (rank, desc) in enumerate(sort_keys(env, model, rows, group.field.name)):
                columns.append(rank.alias(f"rank{n}_{k}_{'desc' if desc else 'asc'}"))
    for n, aggregate in enumerate(aggregates):
        values = env.world.values(model, rows, aggregate.field.name)
        columns.append(values.alias(f"value{n}"))
    frame = pl.DataFrame(columns)
    many = [f"key{n}" for n, group in enumerate(groups) if group.field.is_x2many]
    for key in many:
        frame = frame.explode(key)
    return frame


def _cut(values: pl.Series, granularity: str, zone: tzinfo) -> pl.Series:
    local = values.cast(pl.Datetime("us"))
    if values.dtype != pl.Date and zone is not UTC:
        local = (
            local.dt.replace_time_zone("UTC")
            .dt.convert_time_zone(str(zone))
            .dt.replace_time_zone(None)
        )
    if granularity == "week":
        # Weeks begin on Sunday in Odoo's en_US.
        return (local + _ONE_DAY).dt.truncate("1w") - _ONE_DAY
    return local.dt.truncate(GRANULARITIES[granularity])


_FUNCTIONS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "sum": lambda c: pl.when(c.count() > 0).then(c.sum()),
    "avg": lambda c: c.mean(),
    "min": lambda c: c.min(),
    "max": lambda c: c.max(),
    "count": lambda c: c.count(),
    "count_distinct": lambda c: c.drop_nulls().n_unique(),
    "bool_and": lambda c: c.all(),
    "bool_or": lambda c: c.any(),
    "array_agg": lambda c: c.implode(),
}


def _figure(aggregate: _Aggregate, column: str) -> pl.Expr:
    figure = _FUNCTIONS[aggregate.function](pl.col(column))
    if aggregate.function in ("sum", "avg") and aggregate.field.type in ("float", "monetary"):
        # PostgreSQL adds numeric columns exactly; this takes the noise off the floats.
        figure = figure.round(6)
    return figure.alias(column)


def _ordered(
    grouped: pl.DataFrame,
    groups: list[_Group],
    aggregates: list[_Aggregate],
    count: str,
    orderby: str | bool | None,
) -> pl.DataFrame:
    if not groups:
        return grouped
    columns: list[str] = []
    descending: list[bool] = []
    terms = [term.strip() for term in orderby.split(",")] if isinstance(orderby, str) else []
    for term in terms or [group.spec for group in groups]:
        name, _, direction = term.partition(" ")
        desc = direction.strip().lower() == "desc"
        for column, flipped in _order_columns(grouped, name, groups, aggregates, count):
            columns.append(column)
            descending.append(desc != flipped)
    return grouped.sort(
        columns, descending=descending, nulls_last=[not d for d in descending], maintain_order=True
    )


def _order_columns(
    grouped: pl.DataFrame,
    name: str,
    groups: list[_Group],
    aggregates: list[_Aggregate],
    count: str,
) -> list[tuple[str, bool]]:
    for n, group in enumerate(groups):
        if name in (group.spec, group.path):
            ranks = [c for c in grouped.columns if c.startswith(f"rank{n}_")]
            return [(c, c.endswith("_desc")) for c in ranks] or [(f"key{n}", False)]
    for n, aggregate in enumerate(aggregates):
        if name in (aggregate.key, f"{aggregate.field.name}:{aggregate.function}"):
            return [(f"value{n}", False)]
    if name in (count, "__count"):
        return [("count", False)]
    raise value_error(f"Order term {name!r} is not a valid aggregate nor valid groupby")


def _shown(env: Env, group: _Group, values: pl.Series) -> list[Any]:
    """The groups' values as the answer shows them."""
    if group.granularity:
        return [False if v is None else _label(v, group.granularity) for v in values]
    if group.field.relation:
        names = env.world.names(group.field.relation, values)
        return [False if i is None else [i, names.get(i, "")] for i in values]
    return plain(group.field, values)


def _label(start: datetime, granularity: str) -> str:
    match granularity:
        case "hour":
            return f"{start:%I:00 %d %b}"
        case "day":
            return f"{start:%d %b %Y}"
        case "week":
            last = start + 6 * _ONE_DAY
            return f"W{(last.timetuple().tm_yday - 1) // 7 + 1} {last.year}"
        case "month":
            return f"{start:%B %Y}"
        case "quarter":
            return f"Q{(start.month + 2) // 3} {start.year}"
        case _:
            return f"{start.year}"


def _bounds(group: _Group, start: datetime | None, zone: tzinfo) -> dict[str, str] | bool:
    if not group.granularity or start is None:
        return False
    end = _after(start, group.granularity)
    if group.field.type == "date":
        return {"from": str(start.date()), "to": str(end.date())}
    instants = [moment.replace(tzinfo=zone).astimezone(UTC) for moment in (start, end)]
    return dict(zip(("from", "to"), (f"{i:%Y-%m-%d %H:%M:%S}" for i in instants), strict=True))


def _after(start: datetime, granularity: str) -> datetime:
    match granularity:
        case "hour":
            return start + timedelta(hours=1)
        case "day":
            return start + _ONE_DAY
        case "week":
            return start + 7 * _ONE_DAY
    months = {"month": 1, "quarter": 3, "year": 12}[granularity]
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return datetime.combine(date(year, month + 1, 1), time.min)


def _domain_of(group: _Group, value: Any, bounds: dict[str, str] | bool) -> list[Any]:
    name = group.field.name
    if isinstance(bounds, dict):
        return ["&", [name, ">=", bounds["from"]], [name, "<", bounds["to"]]]
    return [[name, "=", False if value is None else value]]


def _nested(major: int, domain: Sequence[Any], own: list[list[Any]]) -> list[Any]:
    if major >= 19:
        return flat_conjunction(domain, *own)
    result = list(domain)
    for part in own:
        result = conjunction(result, part)
    return result


def _plain_figure(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return str(value)
    return False if value is None else value
