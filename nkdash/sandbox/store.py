"""The records: an immutable ``World`` of columnar tables, and the ``Store`` that swaps it.

Readers take ``store.world`` once a call and so see one state, as inside a database transaction.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from nkdash.sandbox import schema
from nkdash.sandbox.schema import Field


@dataclass(frozen=True)
class Table:
    """One model: its fields and its records, a row each, sorted by ``id``.

    ``frame`` holds a column for each field whose values are kept; an optional ``display_name``
    column keeps names as Odoo answered them (null: derived).
    """

    model: str
    fields: Mapping[str, Field]
    frame: pl.DataFrame

    @property
    def active_field(self) -> str | None:
        """The field that archives records, if the model has one."""
        return next((name for name in ("active", "x_active") if name in self.fields), None)


@dataclass(frozen=True)
class World:
    """All tables at one moment, the names of records that other records point to but that are not
    held themselves, and the version of Odoo that they are of (``major``)."""

    tables: Mapping[str, Table]
    outside_names: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    major: int = 17

    def field(self, model: str, name: str) -> Field | None:
        table = self.tables.get(model)
        return table.fields.get(name) if table else None

    def related_path(self, model: str, name: str) -> str | None:
        """The path that a field of no column of its own reads through, if it is of that kind."""
        path = schema.RELATED.get(model, {}).get(name)
        if path:
            return path
        link = schema.INHERITS.get(model)
        owner = self.field(model, link) if link else None
        if owner is None or owner.relation is None or name == "display_name":
            return None
        return f"{link}.{name}" if self.field(owner.relation, name) else None

    def inverse(self, model: str, name: str) -> tuple[str, str] | None:
        """``(comodel, many2one)`` behind a one2many, where the comodel's records are here."""
        return self._inverses.get((model, name))

    @cached_property
    def _inverses(self) -> dict[tuple[str, str], tuple[str, str]]:
        found: dict[tuple[str, str], tuple[str, str]] = {}
        for model, table in self.tables.items():
            for name, one2many in table.fields.items():
                comodel = one2many.relation
                if one2many.type != "one2many" or comodel is None or comodel not in self.tables:
                    continue
                links = [
                    link.name
                    for link in self.tables[comodel].fields.values()
                    if link.type == "many2one" and link.relation == model and link.store
                ]
                only = links[0] if len(links) == 1 else None
                chosen = schema.INVERSES.get(model, {}).get(name, only)
                if chosen is not None and chosen in links:
                    found[model, name] = (comodel, chosen)
        return found

    def values(self, model: str, rows: pl.DataFrame, name: str) -> pl.Series:
        """The values of one field for ``rows`` of the model's frame, in their order.

        Columns answer for themselves; the rest is derived: names, paths, inverses, formulas.
        Fields that are known but not held are null.
        """
        if name == "display_name":
            return self._display_names(model, rows)
        inverse = self.inverse(model, name)
        if inverse is not None:
            return self._inverse_ids(rows["id"], *inverse)
        if name in rows.columns:
            return rows[name]
        known = self.field(model, name)
        dtype = known.dtype if known else pl.String()
        path = self.related_path(model, name)
        if path is not None:
            return self.follow(model, rows, path).cast(dtype)
        formula = FORMULAS.get((model, name))
        roots = set(formula.meta.root_names()) if formula is not None else set()
        if formula is not None and all(self.field(model, root) for root in roots):
            inputs = [self.values(model, rows, root).alias(root) for root in roots]
            return rows.with_columns(inputs).with_columns(formula.alias(name))[name]
        return pl.Series(name, [None], dtype).new_from_index(0, rows.height)

    def follow(self, model: str, rows: pl.DataFrame, path: str) -> pl.Series:
        """The values at the end of a dotted path of many2ones."""
        head, _, rest = path.partition(".")
        series = self.values(model, rows, head)
        if not rest:
            return series
        link = self.field(model, head)
        comodel = link.relation if link else None
        if comodel is None or comodel not in self.tables:
            return pl.Series(rest, [None] * rows.height, dtype=pl.String())
        target = series.to_frame("id").join(
            self.tables[comodel].frame, on="id", how="left", maintain_order="left"
        )
        return self.follow(comodel, target, rest)

    def names(self, model: str, ids: pl.Series) -> dict[int, str]:
        """Display names by id, for the ids that exist."""
        wanted = ids.drop_nulls().unique()
        outside = self.outside_names.get(model, {})
        found = {id_: outside[id_] for id_ in wanted if id_ in outside}
        if model in self.tables:
            rows = self.tables[model].frame
            if wanted.len() < rows.height:
                rows = rows.filter(pl.col("id").is_in(wanted.implode()))
            found.update(zip(rows["id"], self._display_names(model, rows), strict=True))
        return found

    def _display_names(self, model: str, rows: pl.DataFrame) -> pl.Series:
        recorded = rows["display_name"] if "display_name" in rows.columns else None
        if recorded is not None and recorded.null_count() == 0:
            return recorded
        derived = self._derived_names(model, rows)
        if recorded is None:
            return derived
        return pl.select(pl.coalesce(recorded, derived)).to_series()

    def _derived_names(self, model: str, rows: pl.DataFrame) -> pl.Series:
        if model in schema.NAME_PATHS:
            return self.follow(model, rows, schema.NAME_PATHS[model]).cast(pl.String)
        if model == "pos.payment":
            return _payment_names(rows)
        source = next((f for f in schema.NAME_FIELDS if self.field(model, f)), None)
        if source is None:
            return pl.select(pl.format("{},{}", pl.lit(model), rows["id"])).to_series()
        name = self.values(model, rows, source)
        if name.null_count() and source == "complete_name":
            name = pl.select(pl.coalesce(name, self.values(model, rows, "name"))).to_series()
        if model in schema.CODED_NAMES and "default_code" in rows.columns:
            code = rows["default_code"]
            name = pl.select(
                pl.when(code.is_not_null() & (code != ""))
                .then(pl.format("[{}] {}", code, name))
                .otherwise(name)
            ).to_series()
        return name

    def _inverse_ids(self, owners: pl.Series, comodel: str, link: str) -> pl.Series:
        table = self.tables[comodel]
        frame = table.frame.with_columns(pl.col(link).alias("owner"))
        if owners.len() < frame.height:
            frame = frame.filter(pl.col("owner").is_in(owners.implode()))
        if table.active_field in frame.columns:
            frame = frame.filter(table.active_field)
        terms = [term.split() for term in schema.ORDERS.get(comodel, "id").split(",")]
        keys = [term for term in terms if term[0] in frame.columns] or [["id"]]
        grouped = (
            frame.sort([key[0] for key in keys], descending=["desc" in key for key in keys])
            .group_by("owner", maintain_order=True)
            .agg(pl.col("id").alias("ids"))
        )
        joined = owners.to_frame("owner").join(
            grouped, on="owner", how="left", maintain_order="left"
        )
        return joined["ids"]


def _payment_names(rows: pl.DataFrame) -> pl.Series:
    def name(label: str | None, amount: float) -> str:
        money = f"Rp\u00a0{amount:,.2f}"
        return f"{label} {money}" if label else money

    pairs = zip(rows["name"], rows["amount"], strict=True)
    return pl.Series("display_name", [name(*pair) for pair in pairs], dtype=pl.String())


FORMULAS: dict[tuple[str, str], pl.Expr] = {
    ("account.tax", "price_include"): pl.coalesce("price_include_override", "company_price_include")
    == "tax_included",
    ("pos.order", "access_url"): pl.lit("#"),
    ("pos.order", "access_warning"): pl.lit(""),
    ("pos.order", "access_token"): pl.lit(""),
    ("pos.order", "is_invoiced"): pl.col("account_move").is_not_null(),
    ("pos.order", "tracking_number"): (
        100 * (pl.col("session_id") % 10) + pl.col("sequence_number") % 100
    )
    .cast(pl.String)
    .str.zfill(3),
    ("pos.order.line", "margin"): (pl.col("price_subtotal") - pl.col("total_cost")).round(2),
    ("pos.order.line", "margin_percent"): pl.when(pl.col("price_subtotal") != 0)
    .then((1 - pl.col("total_cost") / pl.col("price_subtotal")).round(4))
    .otherwise(0.0),
}
"""Computed fields that Odoo works out on the fly."""


@dataclass
class Store:
    """The current world, a clock, and the only ways to change them (safe between threads).

    Every change is stamped with the clock's instant. Changes raise ``KeyError`` for unknown
    models or ids and ``ValueError`` for unknown fields.
    """

    world: World
    fixed_now: datetime | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def now(self) -> datetime:
        """The clock: naive UTC, a fixed instant or the machine's."""
        return self.fixed_now or datetime.now(UTC).replace(tzinfo=None)

    def set_now(self, now: datetime | None) -> None:
        """Stop the clock at an instant (aware, or naive UTC); None lets it run."""
        self.fixed_now = naive_utc(now) if now else None

    def advance(self, seconds: float) -> datetime:
        """Move the clock on; it then stands at the returned instant."""
        with self._lock:
            self.fixed_now = self.now() + timedelta(seconds=seconds)
            return self.fixed_now

    def create(self, model: str, records: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add records; returns their ids. Values are Odoo's: bare ids, UTC text, False for none.

        ``create_date`` and ``write_date`` are now unless given.
        """
        with self._lock:
            table = self._table(model)
            last = table.frame["id"].max()
            start = (last if isinstance(last, int) else 0) + 1
            stamp = {"create_date": self.now(), "write_date": self.now()}
            rows = [
                {**stamp, **self._columns(table, values), "id": start + n}
                for n, values in enumerate(records)
            ]
            present = {name for row in rows for name in row if name in table.fields}
            frame = _with_columns_for(table, present)
            added = pl.DataFrame(
                [{name: row.get(name) for name in frame.columns} for row in rows],
                schema=frame.schema,
            )
            self._put(replace(table, frame=pl.concat([frame, added])))
            return added["id"].to_list()

    def update(self, model: str, ids: Iterable[int], values: Mapping[str, Any]) -> None:
        """Change records; of write dates, only theirs moves."""
        with self._lock:
            table = self._table(model)
            wanted = self._existing(table, ids)
            changes: dict[str, Any] = {"write_date": self.now(), **self._columns(table, values)}
            frame = _with_columns_for(table, set(changes))
            hit = pl.col("id").is_in(wanted.implode())
            if "display_name" in frame.columns and "display_name" not in changes:
                changes["display_name"] = None
            frame = frame.with_columns(
                pl.when(hit)
                .then(pl.lit(pl.Series([value], dtype=frame.schema[name])).first())
                .otherwise(pl.col(name))
                .alias(name)
                for name, value in changes.items()
                if name in frame.columns
            )
            self._put(replace(table, frame=frame))

    def delete(self, model: str, ids: Iterable[int]) -> None:
        """Remove records with all they own (an order's lines and payments)."""
        with self._lock:
            table = self._table(model)
            wanted = self._existing(table, ids)
            for owned, link in schema.COMPOSED.get(model, ()):
                part = self.world.tables.get(owned)
                if part is not None:
                    rest = ~pl.col(link).is_in(wanted.implode()).fill_null(False)
                    self._put(replace(part, frame=part.frame.filter(rest)))
            rest = ~pl.col("id").is_in(wanted.implode())
            self._put(replace(table, frame=table.frame.filter(rest)))

    def absorb(self, later: World, since: datetime) -> None:
        """Take over what time has added in a later world: records created after ``since`` (naive
        UTC), and the states of known ones that changed there last. All else stays as it is."""
        with self._lock:
            names = {**self.world.outside_names}
            for model, known in later.outside_names.items():
                names[model] = {**names.get(model, {}), **known}
            self.world = replace(self.world, outside_names=names)
            for model, table in later.tables.items():
                self._put(_grown(self._table(model), table.frame, since))

    def _table(self, model: str) -> Table:
        table = self.world.tables.get(model)
        if table is None:
            raise KeyError(f"no model {model!r} in this sandbox")
        return table

    def _existing(self, table: Table, ids: Iterable[int]) -> pl.Series:
        wanted = pl.Series("id", list(ids), dtype=pl.Int64)
        missing = set(wanted) - set(table.frame["id"])
        if missing:
            raise KeyError(f"{table.model} has no records {sorted(missing)}")
        return wanted

    def _columns(self, table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(values) - set(table.fields))
        if unknown:
            raise ValueError(f"{table.model} has no fields {unknown}")
        return {name: from_odoo(table.fields[name], value) for name, value in values.items()}

    def _put(self, table: Table) -> None:
        self.world = replace(self.world, tables={**self.world.tables, table.model: table})


PROGRESS = ("state", "stop_at", "quantity", "value", "write_date")
"""What changes in a record as its session goes on and closes, and as goods come and go."""


def _grown(table: Table, later: pl.DataFrame, since: datetime) -> Table:
    unknown = ~pl.col("id").is_in(table.frame["id"].implode())
    new = later.filter(unknown & (pl.col("create_date") > since))
    progress = later.select("id", *(name for name in PROGRESS if name in later.columns))
    dates = table.frame.select("id", pl.col("write_date").alias("known_date"))
    newer = progress.join(dates, on="id", how="inner").filter(
        pl.col("write_date") > pl.col("known_date")
    )
    frame = table.frame
    if newer.height:
        frame = frame.update(newer.drop("known_date"), on="id")
    if new.height:
        frame = pl.concat([frame, new], how="diagonal").sort("id")
    return replace(table, frame=frame)


def _with_columns_for(table: Table, names: set[str]) -> pl.DataFrame:
    """The frame, with null columns for fields that had none yet."""
    missing = sorted(names - set(table.frame.columns))
    return table.frame.with_columns(
        pl.lit(None, dtype=table.fields[name].dtype).alias(name)
        for name in missing
        if name in table.fields
    )


def from_odoo(field_: Field, value: Any) -> Any:
    """A value as Odoo answers it, as the column holds it: False is null but for booleans."""
    if field_.type == "boolean":
        return bool(value)
    if value is False or value is None:
        return [] if field_.is_x2many else None
    match field_.type:
        case "many2one":
            return value[0] if isinstance(value, (list, tuple)) else int(value)
        case "date":
            return value if isinstance(value, date) else date.fromisoformat(value[:10])
        case "datetime":
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return naive_utc(moment)
        case "float" | "monetary":
            return float(value)
        case _:
            return value


def naive_utc(moment: datetime) -> datetime:
    """The same instant as naive UTC; a naive one already is."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
