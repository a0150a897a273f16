"""Odoo's search domains as polars expressions.

Nulls follow SQL: a comparison with null is unknown, and filters drop unknown. What needs other
records (paths, names, trees) is asked of a ``Lookup``; nothing here holds records.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Protocol

import polars as pl

from nkdash.sandbox.errors import (
    bad_datetime,
    invalid_condition,
    unknown_condition_field,
    value_error,
)
from nkdash.sandbox.schema import Field

Leaf = tuple[Any, str, Any]
Token = str | Leaf

TRUE_LEAF: Leaf = (1, "=", 1)
FALSE_LEAF: Leaf = (0, "=", 1)

NEGATED = {
    "<": ">=",
    ">": "<=",
    "<=": ">",
    ">=": "<",
    "=": "!=",
    "!=": "=",
    "in": "not in",
    "not in": "in",
    "like": "not like",
    "not like": "like",
    "ilike": "not ilike",
    "not ilike": "ilike",
    "any": "not any",
    "not any": "any",
}
OPERATORS = {*NEGATED, "=?", "=like", "=ilike", "child_of", "parent_of", "<>"}
NEGATIVE = {"!=", "not like", "not ilike", "not in", "not any"}
_ARITY = {"!": 1, "&": 2, "|": 2}


class Lookup(Protocol):
    """What a domain needs to know of models and of other records."""

    def field(self, model: str, name: str) -> Field | None:
        """The description of a field, None if the model lacks it."""

    def is_held(self, model: str, name: str) -> bool:
        """Whether the field has a column of its own."""

    def related_path(self, model: str, name: str) -> str | None:
        """The path that a field without column reads through."""

    def inverse(self, model: str, name: str) -> tuple[str, str] | None:
        """``(comodel, many2one)`` behind a one2many."""

    def search(self, model: str, domain: Sequence[Any], archived: bool) -> pl.Series:
        """Ids that match, archived records too if asked, as the caller may see them."""

    def search_names(self, model: str, operator: str, value: Any) -> pl.Series:
        """Ids, archived too, whose display name compares so."""

    def owners(self, comodel: str, link: str, ids: pl.Series | None) -> pl.Series:
        """Values of a many2one over the records ``ids`` (None: over all), without nulls."""

    def family(self, model: str, ids: pl.Series, parent: str | None, down: bool) -> pl.Series:
        """``ids`` with all their descendants (or ancestors) along the parent field."""


def normalize(domain: Sequence[Any]) -> list[Token]:
    """The domain in prefix form with every ``&`` spelled out; raises on a malformed one."""
    if not isinstance(domain, (list, tuple)):
        raise value_error(f"Domain {domain!r} is syntactically not correct.")
    if not domain:
        return [TRUE_LEAF]
    result: list[Token] = []
    expected = 1
    for token in domain:
        if expected == 0:
            result.insert(0, "&")
            expected = 1
        if isinstance(token, (list, tuple)):
            expected -= 1
            result.append(_checked(tuple(token)))
        elif isinstance(token, str) and token in _ARITY:
            expected += _ARITY[token] - 1
            result.append(token)
        else:
            raise value_error(f"Invalid leaf {token}")
    if expected:
        raise value_error(f"Domain {list(domain)} is syntactically not correct.")
    return result


def conjunction(*domains: Sequence[Any]) -> list[Any]:
    """All of the domains, in the spelling of Odoo's own ``expression.AND``."""
    parts = [normalize(domain) for domain in domains if domain]
    joined = [token for part in parts for token in part]
    return ["&"] * (len(parts) - 1) + [list(t) if isinstance(t, tuple) else t for t in joined]


def flat_conjunction(*domains: Sequence[Any]) -> list[Any]:
    """All of the domains, in the spelling of Odoo 19's ``Domain.AND``: every ``&`` in front."""
    parts = [part for domain in domains if domain for part in _conjuncts(normalize(domain))]
    joined = [list(t) if isinstance(t, tuple) else t for part in parts for t in part]
    return ["&"] * (len(parts) - 1) + joined


def _conjuncts(terms: list[Token]) -> list[list[Token]]:
    """The parts of a domain in prefix form that are joined by its outermost ``&``."""
    if terms[0] != "&":
        return [terms]
    open_terms, end = 1, 1
    while open_terms:
        term = terms[end]
        open_terms += (_ARITY[term] if isinstance(term, str) else 0) - 1
        end += 1
    return _conjuncts(terms[1:end]) + _conjuncts(terms[end:])


def compile_domain(model: str, domain: Sequence[Any], lookup: Lookup) -> pl.Expr:
    """The filter over the model's frame; raises ``OdooError`` as Odoo does."""
    stack: list[pl.Expr] = []
    for term in reversed(_without_negations(normalize(domain))):
        if term == "!":
            stack.append(~stack.pop())
        elif term == "&":
            stack.append(stack.pop() & stack.pop())
        elif term == "|":
            stack.append(stack.pop() | stack.pop())
        else:
            assert isinstance(term, tuple)  # noqa: S101
            stack.append(_leaf(model, term, lookup))
    return stack.pop()


def _checked(leaf: tuple[Any, ...]) -> Leaf:
    well_formed = (
        len(leaf) == 3
        and isinstance(leaf[1], str)
        and leaf[1].lower() in OPERATORS
        and ((isinstance(leaf[0], str) and leaf[0]) or leaf in (TRUE_LEAF, FALSE_LEAF))
    )
    if not well_formed:
        raise invalid_condition(leaf)
    left, operator, right = leaf
    operator = operator.lower()
    if operator == "<>":
        operator = "!="
    if isinstance(right, bool) and operator in ("in", "not in"):
        operator = "=" if operator == "in" else "!="
    if isinstance(right, (list, tuple)) and operator in ("=", "!="):
        operator = "in" if operator == "=" else "not in"
    return left, operator, right


def _without_negations(terms: list[Token]) -> list[Token]:
    """Push ``!`` down to the leaves, as Odoo does: it decides what becomes of nulls."""
    result: list[Token] = []
    pending = [False]
    for term in terms:
        negate = pending.pop()
        if term == "!":
            pending.append(not negate)
        elif isinstance(term, str):
            pending += [negate, negate]
            result.append({"&": "|", "|": "&"}[term] if negate else term)
        elif negate and term in (TRUE_LEAF, FALSE_LEAF):
            result.append(FALSE_LEAF if term == TRUE_LEAF else TRUE_LEAF)
        elif negate and term[1] in NEGATED:
            result.append((term[0], NEGATED[term[1]], term[2]))
        else:
            result += ["!", term] if negate else [term]
    return result


def _leaf(model: str, leaf: Leaf, lookup: Lookup) -> pl.Expr:
    left, operator, right = leaf
    if leaf in (TRUE_LEAF, FALSE_LEAF):
        return pl.lit(leaf == TRUE_LEAF)
    name, _, rest = left.partition(".")
    field = lookup.field(model, name)
    if field is None:
        raise unknown_condition_field(model, name, leaf)
    if name == "display_name" and not rest:
        return _among("id", lookup.search_names(model, operator, right))
    inverse = lookup.inverse(model, name)
    if inverse is None and not lookup.is_held(model, name):
        path = lookup.related_path(model, name)
        if path is None:
            # Odoo logs "Non-stored field cannot be searched" and takes the term as true.
            return pl.lit(True)
        return _leaf(model, (f"{path}.{rest}" if rest else path, operator, right), lookup)
    if rest or operator in ("any", "not any"):
        return _through(field, (rest, operator, right), inverse, lookup)
    if operator in ("child_of", "parent_of"):
        return _hierarchy(model, field, operator, right, inverse, lookup)
    if field.is_x2many:
        return _x2many(field, operator, right, inverse, lookup)
    if field.type == "many2one" and _is_text(right):
        return _many2one_by_name(field, operator, right, lookup)
    return _scalar(field, operator, right, leaf)


def _comodel(field: Field) -> str:
    if field.relation is None:
        raise value_error(f"Invalid field {field.name!r}: it has no relation to follow")
    return field.relation


def _through(field: Field, leaf: Leaf, inverse: tuple[str, str] | None, lookup: Lookup) -> pl.Expr:
    """A path (``order_id.state``) or any / not any: search the comodel, then ids."""
    rest, operator, right = leaf
    inner = [(rest, operator, right)] if rest else right
    matched = lookup.search(_comodel(field), inner, archived=field.type == "many2one")
    negative = not rest and operator == "not any"
    if field.type == "many2one":
        column = pl.col(field.name)
        hit = column.is_in(matched.implode())
        return (~hit | column.is_null()) if negative else hit
    return _x2many(field, "not in" if negative else "in", matched, inverse, lookup)


def _hierarchy(
    model: str,
    field: Field,
    operator: str,
    right: Any,
    inverse: tuple[str, str] | None,
    lookup: Lookup,
) -> pl.Expr:
    comodel = model if field.name == "id" else _comodel(field)
    roots = _ids(comodel, right, lookup)
    own_tree = comodel == model and field.name != "id"
    parent = field.name if own_tree and field.type == "many2one" else None
    family = lookup.family(comodel, roots, parent, operator == "child_of")
    if field.name == "id" or own_tree:
        return _among("id", family)
    if field.is_x2many:
        return _x2many(field, "in", family, inverse, lookup)
    return _among(field.name, family)


def _ids(model: str, value: Any, lookup: Lookup) -> pl.Series:
    if isinstance(value, str):
        return lookup.search_names(model, "ilike", value)
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(item, str) for item in value):
            return pl.concat([lookup.search_names(model, "ilike", item) for item in value])
        return pl.Series("id", [item for item in value if item], dtype=pl.Int64)
    return pl.Series("id", [value] if value else [], dtype=pl.Int64)


def _x2many(
    field: Field, operator: str, right: Any, inverse: tuple[str, str] | None, lookup: Lookup
) -> pl.Expr:
    negative = operator in NEGATIVE
    if right is False or right is None:
        filled = (
            _among("id", lookup.owners(*inverse, None))
            if inverse
            else pl.col(field.name).list.len().fill_null(0) > 0
        )
        return filled if negative else ~filled
    if isinstance(right, pl.Series):
        ids = right
    elif isinstance(right, str):
        positive = NEGATED[operator] if negative else operator
        ids = lookup.search_names(_comodel(field), positive, right)
    else:
        ids = _ids(_comodel(field), right, lookup)
    if inverse:
        hit = _among("id", lookup.owners(*inverse, ids))
    else:
        hit = (
            pl.col(field.name)
            .list.eval(pl.element().is_in(ids.implode()))
            .list.any()
            .fill_null(False)
        )
    return ~hit if negative else hit


def _many2one_by_name(field: Field, operator: str, right: Any, lookup: Lookup) -> pl.Expr:
    if operator in ("<", ">", "<=", ">="):
        operator = "in"
    as_list = isinstance(right, (list, tuple))
    spelled = {"in": "in", "not in": "not in", "=": "in", "!=": "not in"}
    single = {"in": "=", "not in": "!="}
    operator = spelled.get(operator, operator) if as_list else single.get(operator, operator)
    hit = _among(field.name, lookup.search_names(_comodel(field), operator, right))
    return hit | pl.col(field.name).is_null() if operator in NEGATIVE else hit


def _is_text(right: Any) -> bool:
    if isinstance(right, (list, tuple)):
        return bool(right) and all(isinstance(item, str) for item in right)
    return isinstance(right, str)


def _among(name: str, ids: pl.Series) -> pl.Expr:
    return pl.col(name).is_in(ids.implode())


def _scalar(field: Field, operator: str, right: Any, leaf: Leaf) -> pl.Expr:
    return compare(pl.col(field.name), field, operator, right, leaf)


def compare(column: pl.Expr, field: Field, operator: str, right: Any, leaf: Leaf) -> pl.Expr:
    """One comparison of a column with a value, with Odoo's rules for False, None and types."""
    unset = right is False or right is None
    if operator == "=?":
        return pl.lit(True) if unset else compare(column, field, "=", right, leaf)
    if operator in ("in", "not in"):
        if not isinstance(right, (list, tuple)):
            raise value_error(f"Invalid domain term {leaf!r}")
        return _membership(column, field, operator, right)
    if field.type == "boolean" and operator in ("=", "!=") and isinstance(right, bool):
        wanted = right if operator == "=" else not right
        return column.eq(True) if wanted else column.is_null() | column.eq(False)
    if unset and operator in ("=", "!="):
        return column.is_null() if operator == "=" else column.is_not_null()
    if operator.endswith("like"):
        return _like(column, field, operator, right)
    if field.type == "datetime" and isinstance(right, str) and len(right) == 10:
        # Odoo: a bare day ends at 23:59:59 for > and <=, begins at 00:00:00 for the others.
        right += " 23:59:59" if operator in (">", "<=") else " 00:00:00"
    value = pl.lit(to_column(field, right), dtype=field.dtype)
    expression = _COMPARISONS[operator](column, value)
    return expression | column.is_null() if operator == "!=" and right else expression


_COMPARISONS: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "=": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    "<": lambda column, value: column < value,
    ">": lambda column, value: column > value,
    "<=": lambda column, value: column <= value,
    ">=": lambda column, value: column >= value,
}


def _membership(column: pl.Expr, field: Field, operator: str, right: Sequence[Any]) -> pl.Expr:
    if field.type == "boolean":
        # 1 and 0 count as True and False, as in Python.
        wanted = [choice for choice in (True, False) if choice in right]
        with_null = False in right
    else:
        given = [item for item in right if item is not False and item is not None]
        wanted = [to_column(field, item) for item in given]
        with_null = len(wanted) < len(right)
    values = pl.Series(wanted, dtype=field.dtype)
    hit = column.is_in(values.implode()) if wanted else pl.lit(False)
    if operator == "in":
        return hit | column.is_null() if with_null else hit
    return ~hit & column.is_not_null() if with_null else ~hit | column.is_null()


def _like(column: pl.Expr, field: Field, operator: str, right: Any) -> pl.Expr:
    text = "" if right is False or right is None else str(right)
    anchored = operator in ("=like", "=ilike")
    pattern = like_pattern(text if anchored else f"%{text}%", operator.endswith("ilike"))
    shown = _as_text(column, field)
    hit = shown.str.contains(pattern)
    if not operator.startswith("not"):
        return hit | column.is_null() if not text and not anchored else hit
    return ~hit | column.is_null()


def _as_text(column: pl.Expr, field: Field) -> pl.Expr:
    if field.type == "datetime":
        return column.dt.to_string("%Y-%m-%d %H:%M:%S")
    return column if field.dtype == pl.String else column.cast(pl.String)


def like_pattern(pattern: str, ignore_case: bool) -> str:
    r"""The regular expression of an SQL LIKE pattern: % any text, _ one character, \ escapes."""
    parts: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "\\":
            parts.append(re.escape(next(letters, "\\")))
        else:
            parts.append({"%": ".*", "_": "."}.get(letter) or re.escape(letter))
    return f"(?s{'i' if ignore_case else ''})^{''.join(parts)}$"


def to_column(field: Field, value: Any) -> Any:
    """A domain's value as the column holds it; raises ``OdooError`` where Odoo would."""
    if value is None:
        return None
    try:
        match field.type:
            case "integer" | "many2one" | "many2one_reference":
                return int(value or 0)
            case "float" | "monetary":
                return float(value or 0.0)
            case "boolean":
                return bool(value)
            case "date":
                return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
            case "datetime":
                return datetime.fromisoformat(str(value)).replace(tzinfo=None)
            case _:
                return None if value is False else str(value)
    except ValueError as cause:
        if field.type in ("date", "datetime"):
            raise bad_datetime(value) from cause
        raise value_error(str(cause)) from cause
