"""An old file's frame in our raw contract: columns found by name, values cast, nothing guessed.

A many2one may be an id, ``[id, name]``, a struct or text that begins with the id. Odoo's False is
null. A value that cannot be read is told and refuses the file.
"""

from collections.abc import Collection, Iterator, Mapping

import polars as pl

from nkdash.datasets.spec import Dataset, Field
from nkdash.importer.mapping import Renames
from nkdash.odoo import versions

# How exports write Odoo's False and pandas' missing values as text.
NOTHING = ("", "false", "none", "null", "nan", "nat", "<na>")
INSTANT_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.fZ", "%Y-%m-%dT%H:%M:%S%.f")


class RefusedError(Exception):
    """An old file that cannot be taken; the message says why."""


def needed_columns(dataset: Dataset) -> set[str]:
    """The raw columns without which the dataset means nothing: what clean and reconciliation read.

    Columns that an Odoo may lack are never among them.
    """
    raw = pl.DataFrame(schema=dataset.raw_table.schema)
    needed = {"id", day_column(dataset)}
    if rules := dataset.reconcile:
        needed |= {*rules.sums, *rules.by, *(name for name, _, _ in rules.kept)}
        needed |= {rules.each[0]} if rules.each else set()
    for name in raw.columns:
        try:
            dataset.clean(raw.lazy().drop(name)).collect_schema()
        except pl.exceptions.ColumnNotFoundError:
            needed.add(name)
    may_lack = {f.raw_name for f in dataset.source.fields if not f.required}
    return needed - may_lack - {"date"}


def convert(
    frame: pl.DataFrame, dataset: Dataset, renames: Renames, needed: Collection[str]
) -> pl.DataFrame:
    """``frame`` with every raw column of the dataset but date and _extracted_at.

    Columns that are absent and not ``needed`` are null. Raises RefusedError naming every problem.
    """
    found: list[pl.Series] = []
    problems: list[str] = []
    absent: list[str] = []
    by_lower = {name.lower(): name for name in frame.columns}
    for field in dataset.source.fields:
        name = field.raw_name
        if name in renames.constants:
            constant = pl.Series(name, [renames.constants[name]]).cast(field.dtype)
            found.append(constant.new_from_index(0, frame.height))
            continue
        theirs = _theirs(dataset, field, renames.columns, by_lower)
        if theirs is None:
            if name in needed:
                absent.append(name)
            found.append(pl.Series(name, [None], field.dtype).new_from_index(0, frame.height))
            continue
        column = frame.get_column(theirs).alias(name)
        try:
            cast = cast_column(column, field.dtype)
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            problems.append(f"{theirs} ({column.dtype}): {str(error).splitlines()[0]}")
            continue
        lost = column.filter(cast.is_null() & ~_is_nothing(column))
        if lost.len():
            problems.append(
                f"{theirs}: {lost.len()} values are no {field.dtype}, e.g. {str(lost[0])[:40]!r}"
            )
        found.append(cast)
    if absent:
        problems.insert(0, f"columns {absent} are missing (there are {sorted(frame.columns)})")
    if problems:
        raise RefusedError("; ".join(problems))
    return _in_domain(pl.DataFrame(found), frame, dataset)


def _theirs(
    dataset: Dataset, field: Field, columns: Mapping[str, str], by_lower: Mapping[str, str]
) -> str | None:
    """What the old file calls a field; None where it lacks it."""
    if mapped := columns.get(field.raw_name):
        return by_lower.get(mapped.lower())
    names = [field.name, field.raw_name]
    if "." not in field.name and field.name:
        names += versions.field_names(dataset.source.model, field.name)
    for separator in ("_", "__", "/"):
        names.append(field.name.replace(".", separator))
    return next((by_lower[n.lower()] for n in names if n and n.lower() in by_lower), None)


def cast_column(column: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """``column`` as ``dtype``; what cannot be read is null. Raises polars' errors, TypeError."""
    if column.dtype == pl.Null:
        return column.cast(dtype)
    if column.dtype == pl.Boolean and dtype != pl.Boolean:
        if column.any():
            raise TypeError("holds the value true")
        return pl.Series(column.name, [None] * column.len(), dtype)
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if dtype == pl.Int64:
        return _ids(column)
    if dtype == pl.Datetime:
        return _instants(column)
    if dtype == pl.Date:
        return _dates(column)
    if isinstance(dtype, pl.List):
        return _lists(column, dtype)
    if column.dtype == pl.String:
        column = _without_nothing(column)
        if dtype == pl.Boolean:
            # 'false' is a value here, and was taken for nothing above.
            text = column.str.to_lowercase()
            return (text.is_in(["true", "1", "t"]) & text.is_not_null()).fill_null(False)
    if dtype == pl.Float64 and column.dtype.is_float():
        return column.cast(pl.Float64).fill_nan(None)
    return column.cast(dtype, strict=False)


def _ids(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.List | pl.Array):
        first = column.to_frame().select(pl.col(column.name).list.first()).to_series()
        return _ids(first)
    if isinstance(column.dtype, pl.Struct):
        fields = [field.name for field in column.dtype.fields]
        return _ids(column.struct.field("id" if "id" in fields else fields[0]).alias(column.name))
    if column.dtype == pl.String:
        # As text: an id, or one that a bracket and a name go with.
        column = _without_nothing(column).str.extract(r"^\s*[\[(]?\s*(\d+)(?:\.0*)?\s*(?:[,\])]|$)")
        return column.cast(pl.Int64)
    if column.dtype.is_float():
        whole = column.fill_nan(None)
        # A fraction is no id: null here, told by the caller.
        column = whole.set(whole.is_not_null() & (whole != whole.floor()), None)
    return column.cast(pl.Int64, strict=False)


def _instants(column: pl.Series) -> pl.Series:
    """Naive UTC; a zone is taken into account, a bare date is refused."""
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return column.cast(pl.Datetime("us"))
    if column.dtype == pl.String:
        text = _without_nothing(column)
        tried = [
            pl.col(column.name).str.to_datetime(f, time_unit="us", strict=False)
            for f in INSTANT_FORMATS
        ]
        return text.to_frame().select(pl.coalesce(tried)).to_series()
    raise TypeError("is no time of day")


def _dates(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        return _without_nothing(column).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        return column.cast(pl.Date)
    raise TypeError("is no date")


def _lists(column: pl.Series, dtype: pl.List) -> pl.Series:
    if column.dtype == pl.String:
        text = _without_nothing(column).fill_null("[]")
        return text.str.json_decode(dtype)
    if isinstance(column.dtype, pl.List):
        return column.cast(dtype).fill_null([])
    raise TypeError("is no list of ids")


def _without_nothing(column: pl.Series) -> pl.Series:
    return column.set(column.str.strip_chars().str.to_lowercase().is_in(NOTHING), None)


def _is_nothing(column: pl.Series) -> pl.Series:
    """Where the old file says that there is no value."""
    nothing = column.is_null()
    if column.dtype == pl.String:
        return nothing | _without_nothing(column).is_null()
    if column.dtype.is_float():
        return nothing | column.is_nan().fill_null(False)
    if isinstance(column.dtype, pl.List):
        return nothing | (column.list.len() == 0).fill_null(False)
    if column.dtype == pl.Boolean:
        return nothing | ~column.fill_null(False)
    return nothing


def _in_domain(frame: pl.DataFrame, old: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """The rows that the dataset asks Odoo for: one old folder may hold several kinds.

    A condition on a field that neither has (``display_type``) was the old system's to keep.
    """
    known = {field.name for field in dataset.source.fields}
    beside = old.select(name for name in old.columns if name not in frame.columns)
    both = pl.concat([frame, beside], how="horizontal")
    for name, operator, value in _terms(dataset.source.domain({*known, *old.columns})):
        if name not in both.columns:
            continue
        listed = list(value) if isinstance(value, list | tuple) else [value]
        fits = pl.col(name).is_in(listed)
        both = both.filter(fits if operator in ("in", "=") else fits.not_().fill_null(True))
    return both.select(frame.columns)


def _terms(domain: object) -> Iterator[tuple[str, str, object]]:
    if isinstance(domain, list | tuple):
        for term in domain:
            if isinstance(term, list | tuple) and len(term) == 3 and isinstance(term[0], str):
                yield term[0], str(term[1]), term[2]


def day_column(dataset: Dataset) -> str:
    """The raw column that holds the day field."""
    names = {f.name: f.raw_name for f in dataset.source.fields}
    return names.get(dataset.source.day_field, dataset.source.day_field)
