"""Groups of records, in one shape whichever way Odoo answered them. Pure functions."""

from collections.abc import Mapping, Sequence
from typing import Any

Group = dict[str, Any]


def as_read_group(
    row: Mapping[str, Any], aggregates: Sequence[str], groupby: Sequence[str]
) -> Group:
    """One group of ``formatted_read_group`` (with ``__count``) as ``read_group`` tells it.

    A date's group comes as ``[first instant, label]``, its end only in ``__extra_domain``.
    """
    group: Group = {"__count": row["__count"]}
    ranges: dict[str, Any] = {}
    for spec in groupby:
        value = row[spec]
        name, _, granularity = spec.partition(":")
        if granularity:
            dated = isinstance(value, list)
            upper = _upper_limit(row["__extra_domain"], name.rpartition(".")[2]) if dated else None
            ranges[spec] = {"from": value[0], "to": upper} if dated else False
            value = value[1] if dated else False
        group[spec] = value
    for aggregate in aggregates:
        group[aggregate.partition(":")[0]] = row[aggregate]
    return {**group, "__range": ranges} if ranges else group


def _upper_limit(domain: Sequence[Any], field: str) -> str | None:
    """The value of ``(field, '<', value)`` in a domain, also below ``any``."""
    for term in domain:
        if isinstance(term, str):
            continue
        name, operator, value = term
        if name == field and operator == "<":
            return str(value)
        if operator == "any" and (found := _upper_limit(value, field)) is not None:
            return found
    return None
