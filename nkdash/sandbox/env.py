"""One caller's view of the world: companies, archived records, names, trees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from nkdash.sandbox import schema
from nkdash.sandbox.domain import TRUE_LEAF, compare, compile_domain, normalize
from nkdash.sandbox.errors import OdooError, access_error, no_model_access, unknown_model
from nkdash.sandbox.schema import Field
from nkdash.sandbox.store import Table, World

_NAME = Field("display_name", "char", None, False, False, {})


@dataclass(frozen=True)
class Rights:
    """What a user's groups allow and withhold.

    ``denied``: models that it may not read, with the groups that may; ``hidden``: fields by model
    that only other groups see; ``granted``: what it may do to a model beside reading it;
    ``groups``: external ids of its groups. The sandbox never writes, whatever is granted.
    """

    denied: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden: Mapping[str, frozenset[str]] = field(default_factory=dict)
    granted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()


READER = Rights()
"""Reads everything, and can do nothing else."""


@dataclass(frozen=True)
class User:
    """Who calls: its ``res.users`` id, companies and rights."""

    uid: int
    login: str
    company_ids: tuple[int, ...]
    rights: Rights = READER


@dataclass(frozen=True)
class Env:
    """A world as ``user`` sees it with a call's ``context``; the domain's ``Lookup``."""

    world: World
    user: User
    context: dict[str, Any]

    @property
    def companies(self) -> tuple[int, ...]:
        """Allowed companies: the context's, else all of the user's."""
        wanted = tuple(self.context.get("allowed_company_ids") or ())
        if set(wanted) - set(self.user.company_ids):
            raise access_error("Access to unauthorized or invalid companies.")
        return wanted or self.user.company_ids

    def table(self, model: str) -> Table:
        """The model's table; raises what Odoo raises if it is unknown or denied."""
        table = self.world.tables.get(model)
        if table is None:
            raise unknown_model(model)
        self.check_access(model, "read")
        hidden = self.user.rights.hidden.get(model)
        if not hidden:
            return table
        seen = {name: about for name, about in table.fields.items() if name not in hidden}
        return replace(table, fields=seen)

    def check_access(self, model: str, operation: str) -> None:
        """Raise AccessError unless the user may do this."""
        rights = self.user.rights
        allowed = (
            model not in rights.denied
            if operation == "read"
            else operation in rights.granted.get(model, ())
        )
        if not allowed:
            groups = rights.denied.get(model, ())
            title = schema.TITLES.get(model, model)
            raise no_model_access(title, model, operation, groups)

    def field(self, model: str, name: str) -> Field | None:
        return self.world.field(model, name)

    def is_held(self, model: str, name: str) -> bool:
        return name in self.world.tables[model].frame.columns

    def related_path(self, model: str, name: str) -> str | None:
        return self.world.related_path(model, name)

    def inverse(self, model: str, name: str) -> tuple[str, str] | None:
        return self.world.inverse(model, name)

    def rows(self, model: str, domain: Sequence[Any], archived: bool | None = None) -> pl.DataFrame:
        """Records that match and that the user may see, by id.

        ``archived`` None follows the context's ``active_test``.
        """
        table = self.table(model)
        frame = table.frame
        if archived is None:
            archived = not self.context.get("active_test", True)
        tokens = normalize(domain)
        conditions = [] if tokens == [TRUE_LEAF] else [compile_domain(model, domain, self)]
        active = table.active_field
        mentioned = any(isinstance(token, tuple) and token[0] == active for token in tokens)
        if active and not archived and not mentioned and active in frame.columns:
            conditions.append(pl.col(active))
        rule = self.company_rule(table)
        if rule is not None:
            conditions.append(rule)
        return frame.filter(*conditions) if conditions else frame

    def company_rule(self, table: Table) -> pl.Expr | None:
        """The record rule of companies: those allowed, or none set."""
        companies = pl.Series(self.companies, dtype=pl.Int64).implode()
        if table.model == "res.company":
            own = pl.Series(self.user.company_ids, dtype=pl.Int64).implode()
            return pl.col("id").is_in(own)
        if "company_id" not in table.frame.columns or table.model in ("res.users", "res.partner"):
            return None
        column = pl.col("company_id")
        return column.is_in(companies) | column.is_null()

    def search(self, model: str, domain: Sequence[Any], archived: bool) -> pl.Series:
        if model not in self.world.tables:
            raise unsearchable(model)
        return self.rows(model, domain, archived=archived or None)["id"]

    def search_names(self, model: str, operator: str, value: Any) -> pl.Series:
        named = self._named(model)
        if isinstance(value, str) and operator in ("in", "not in"):
            value = [value]
        leaf = ("display_name", operator, value)
        return named.filter(compare(pl.col("display_name"), _NAME, operator, value, leaf))["id"]

    def _named(self, model: str) -> pl.DataFrame:
        table = self.world.tables.get(model)
        if table is not None:
            names = self.world.values(model, table.frame, "display_name").alias("display_name")
            return pl.DataFrame([table.frame["id"], names])
        outside = self.world.outside_names.get(model)
        if outside is None:
            raise unsearchable(model)
        return pl.DataFrame(
            {"id": list(outside), "display_name": list(outside.values())},
            schema={"id": pl.Int64, "display_name": pl.String},
        )

    def owners(self, comodel: str, link: str, ids: pl.Series | None) -> pl.Series:
        frame = self.world.tables[comodel].frame
        if ids is not None:
            frame = frame.filter(pl.col("id").is_in(ids.implode()))
        return frame[link].drop_nulls().unique()

    def family(self, model: str, ids: pl.Series, parent: str | None, down: bool) -> pl.Series:
        table = self.world.tables[model]
        link = parent or schema.PARENTS.get(model, "parent_id")
        found = ids
        if link not in table.frame.columns:
            return found
        source, target = ("id", link) if down else (link, "id")
        new = ids
        while new.len():
            met = table.frame.filter(pl.col(target).is_in(new.implode()))[source].drop_nulls()
            new = met.filter(~met.is_in(found.implode())).unique()
            found = pl.concat([found, new.rename(found.name)])
        return found


def unsearchable(model: str) -> OdooError:
    """A path that leads to a model of which the sandbox holds no records."""
    return OdooError(
        "builtins.NotImplementedError",
        f"This sandbox has no records of {model} to search: add them to its folder of records",
    )
