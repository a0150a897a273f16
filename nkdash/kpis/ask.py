"""Asking for KPIs: which companies and categories are meant, and the names behind ids.

What pages do with their own session, for the command line and the daily digest; the rules of
companies and categories are one for all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from nkdash.kpis import format as fmt
from nkdash.kpis.model import KpiError, Query, TaxBasis
from nkdash.kpis.periods import Period
from nkdash.kpis.selection import Ids, Selection, sql

Ask = Callable[[Query], pl.DataFrame]
"""Answers a question with its rows."""

# Where the name of a record lies: table, key, name.
_NAMED = {
    "company": ("dim_companies", "company_id", "name"),
    "store": ("dim_pos_configs", "pos_config_id", "name"),
    "cashier": ("dim_employees", "employee_id", "name"),
    "salesperson": ("dim_users", "user_id", "name"),
    "customer": ("dim_partners", "partner_id", "name"),
    "vendor": ("dim_partners", "partner_id", "name"),
    "principal": ("dim_partners", "partner_id", "name"),
    "category": ("dim_categories", "category_id", "path"),
    "root_category": ("dim_categories", "category_id", "name"),
    "brand": ("dim_brands", "brand_id", "name"),
    "product": ("dim_products", "product_id", "name"),
    "method": ("dim_payment_methods", "payment_method_id", "name"),
    "location": ("dim_locations", "location_id", "name"),
}


@dataclass(frozen=True)
class Company:
    """A company that has sales, and its currency."""

    name: str
    currency: fmt.Currency


Companies = Mapping[int, Company]


def asking(cursor: duckdb.DuckDBPyConnection) -> Ask:
    """Questions to a cursor of the warehouse. They raise duckdb.Error."""

    def ask(query: Query) -> pl.DataFrame:
        frame: pl.DataFrame = cursor.sql(query.sql, params=query.values).pl()
        return frame

    return ask


def companies(ask: Ask) -> dict[int, Company]:
    """The companies that have sales, by id; the main one first."""
    return {
        row["company_id"]: Company(
            row["name"] or f"#{row['company_id']}",
            fmt.currency(row["currency"], row["currency_symbol"], row["decimal_places"]),
        )
        for row in ask(Query(sql("companies"), {})).to_dicts()
    }


def default_company(known: Companies) -> int | None:
    """The main company where companies differ in currency, since those are never added."""
    currencies = {company.currency for company in known.values()}
    return min(known) if len(currencies) > 1 else None


def reach(known: Companies, company: int | None) -> tuple[tuple[int, ...], fmt.Currency]:
    """The companies whose figures may be added up, and their currency.

    A chosen company alone; else all where they share a currency, else the main one.
    """
    chosen = company if company in known else default_company(known)
    if chosen is not None:
        return (chosen,), known[chosen].currency
    first = next(iter(known.values()), None)
    return tuple(known), first.currency if first else fmt.RUPIAH


def below(parents: Mapping[int, int | None], category: int) -> set[int]:
    """The category and all below it; ``parents`` gives the one above each."""
    found, level = {category}, {category}
    while level:
        level = {i for i, parent in parents.items() if parent in level} - found
        found |= level
    return found


def selection(
    ask: Ask,
    period: Period,
    base: Period | None = None,
    *,
    company: int | None = None,
    filters: Mapping[str, Ids] | None = None,
    tax: TaxBasis = TaxBasis.IN,
) -> tuple[Selection, fmt.Currency]:
    """What a page would select for the same wishes, and the currency of its figures.

    Raises KpiError for a company that has no sales.
    """
    known = companies(ask)
    if company is not None and company not in known:
        names = ", ".join(f"{i} ({c.name})" for i, c in known.items())
        raise KpiError(f"There is no company {company} with sales; there are {names or 'none'}.")
    chosen = dict(filters or {})
    one: int | None = None
    if "category" in chosen:
        one = int(chosen["category"][0]) if len(chosen["category"]) == 1 else None
        rows = ask(Query("SELECT category_id, parent_id FROM dim_categories", {})).iter_rows()
        parents = dict(rows)
        whole = set().union(*(below(parents, int(i)) for i in chosen["category"]))
        chosen["category"] = tuple(sorted(whole))
    ids, currency = reach(known, company)
    return Selection(period, base, ids, chosen, tax, one), currency


def labels(ask: Ask, kind: str, ids: Iterable[Any]) -> dict[Any, str]:
    """Names by id of a kind of record; none where the kind has no names."""
    wanted: Collection[Any] = tuple(sorted({i for i in ids if i is not None}))
    if kind not in _NAMED or not wanted:
        return {}
    table, key, name = _NAMED[kind]
    query = f"SELECT {key} AS id, {name} AS name FROM {table} WHERE {key} = ANY($ids)"
    return {i: n for i, n in ask(Query(query, {"ids": wanted})).iter_rows() if n is not None}


def has_names(kind: str) -> bool:
    """Whether records of the kind have names."""
    return kind in _NAMED
