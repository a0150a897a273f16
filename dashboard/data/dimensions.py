"""Names behind the ids, and which companies and currency are in reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import polars as pl

from dashboard.data.session import Session
from nkdash.kpis import ask
from nkdash.kpis.ask import Company
from nkdash.kpis.format import Currency
from nkdash.kpis.model import Query

_TABLES = {
    "company": "SELECT company_id AS id, name FROM dim_companies ORDER BY id",
    "store": "SELECT pos_config_id AS id, name, company_id FROM dim_pos_configs ORDER BY name",
    "cashier": "SELECT employee_id AS id, name FROM dim_employees ORDER BY name",
    "salesperson": "SELECT user_id AS id, name FROM dim_users ORDER BY name",
    "brand": "SELECT brand_id AS id, name FROM dim_brands ORDER BY name",
    "principal": (
        "SELECT DISTINCT principal_id AS id, principal AS name FROM dim_products "
        "WHERE principal_id IS NOT NULL ORDER BY name"
    ),
    "vendor": (
        "SELECT DISTINCT v.vendor_id AS id, p.name FROM product_vendors AS v "
        "LEFT JOIN dim_partners AS p ON p.partner_id = v.vendor_id ORDER BY name"
    ),
    "method": "SELECT payment_method_id AS id, name FROM dim_payment_methods ORDER BY name",
}


@dataclass(frozen=True)
class Category:
    """A product category in its tree."""

    name: str
    path: str
    parent: int | None
    root: int | None


@dataclass(frozen=True)
class Dimensions:
    """Names of what can be filtered by; ``names[kind][id]``."""

    names: Mapping[str, Mapping[int, str]]
    categories: Mapping[int, Category]
    companies: Mapping[int, Company]
    sold: Mapping[str, frozenset[int]]

    @property
    def default_company(self) -> int | None:
        """See nkdash.kpis.ask."""
        return ask.default_company(self.companies)

    def reach(self, company: int | None) -> tuple[tuple[int, ...], Currency]:
        """See nkdash.kpis.ask."""
        return ask.reach(self.companies, company)

    def below(self, category: int) -> set[int]:
        """The category and all below it."""
        return ask.below({i: c.parent for i, c in self.categories.items()}, category)


def load(session: Session) -> Dimensions:
    """The dimensions of this version; small, and cached with it."""
    names = {kind: _names(session.frame(Query(sql, {})), kind) for kind, sql in _TABLES.items()}
    categories = {
        row["category_id"]: Category(
            row["name"] or f"#{row['category_id']}",
            row["path"] or row["name"] or f"#{row['category_id']}",
            row["parent_id"],
            row["root_id"],
        )
        for row in session.frame(Query("SELECT * FROM dim_categories ORDER BY path", {})).to_dicts()
    }
    names["category"] = {i: c.path.removeprefix("All / ") for i, c in categories.items()}
    sold = session.frame(Query(_sql("sold"), {}))
    companies = ask.companies(session.frame)
    by_kind = {
        kind: frozenset(sold.filter(pl.col("kind") == kind).get_column("id").to_list())
        for kind in ("store", "cashier", "method")
    }
    return Dimensions(names, categories, companies, by_kind)


def _names(frame: pl.DataFrame, kind: str) -> dict[int, str]:
    return {row["id"]: row["name"] or f"{kind} {row['id']}" for row in frame.to_dicts()}


def _sql(name: str) -> str:
    return files("dashboard.data").joinpath(f"sql/{name}.sql").read_text(encoding="utf-8")
