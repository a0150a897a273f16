"""What NKDash asks of an Odoo: typed frames by keyset paging, groups, fields, companies."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import polars as pl

from nkdash.odoo import errors
from nkdash.odoo.choice import transport_for
from nkdash.odoo.connection import OdooConnection
from nkdash.odoo.decode import ID_FIELD, FieldInfo, decode_rows, frame_schema
from nkdash.odoo.groups import Group, as_read_group
from nkdash.odoo.paging import chunks, id_ranges
from nkdash.odoo.server_version import ServerVersion
from nkdash.odoo.stats import Stats

Domain = Sequence[Any]
Part = TypeVar("Part")
Known = TypeVar("Known")

FIELD_ATTRIBUTES = (
    "type",
    "relation",
    "store",
    "required",
    "company_dependent",
    "string",
    "selection",
)
# Ids are small: one call brings the page limits of many pages.
IDS_PER_CALL = 100_000
FORMATTED_GROUPS_SINCE = 19


class OdooClient:
    """Reads one Odoo. Safe to use from several threads; close it, or use it in a ``with``.

    All datetimes are naive UTC. Every call runs with ``active_test`` off (archived records are
    read too), the business time zone, and all the companies of :meth:`companies`.
    Methods raise TransientOdooError after the last attempt, or a PermanentOdooError at once.
    """

    def __init__(self, connection: OdooConnection) -> None:
        self.connection = connection
        self.stats = Stats()
        self._transport = transport_for(connection, self.stats)
        self._pages = ThreadPoolExecutor(connection.pages_in_flight, "odoo-page")
        self._lock = threading.RLock()
        self._known: dict[Any, Any] = {}
        self._expired = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop pages that wait, end retries, close the connections."""
        self._transport.close()
        self._pages.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def time_limit(self, minutes: float, setting: str) -> Iterator[None]:
        """Calls inside end after ``minutes``, each at the latest by its own time-out.

        They then raise OdooTimeLimitError naming ``setting``, and the client is of no more use.
        """
        timer = threading.Timer(minutes * 60, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        except errors.OdooError as error:
            if self._expired.is_set():
                raise _too_long(minutes, setting, error) from error
            raise
        finally:
            timer.cancel()

    def _expire(self) -> None:
        self._expired.set()
        # Ends the pauses between attempts.
        self._transport.close()

    def version(self) -> ServerVersion:
        """The server's version; needs no credentials."""
        return self._once("version", self._transport.version)

    def protocol(self) -> str:
        """The protocol that is spoken: ``JSON-2`` or ``JSON-RPC``. Raises OdooCredentialsError."""
        self.authenticate()
        return self._transport.name

    def authenticate(self) -> int:
        """The user's id. Raises OdooCredentialsError."""
        return self._once("uid", self._fetch_uid)

    def _fetch_uid(self) -> int:
        uid = self._transport.authenticate()
        if uid is None:
            raise errors.OdooCredentialsError(
                f"Odoo does not accept the user {self.connection.username!r} with this key",
                remedy=errors.CHECK_CREDENTIALS,
                method="authenticate",
            )
        return uid

    def companies(self) -> tuple[int, ...]:
        """The ``allowed_company_ids`` of every call: those configured, else all of the user's.

        The user's main company comes first. Raises OdooAccessError for a company that is not
        the user's.
        """
        return self._once("companies", self._fetch_companies)

    def _fetch_companies(self) -> tuple[int, ...]:
        rows = self._execute(
            "res.users",
            "read",
            [[self.authenticate()]],
            {"fields": ["company_id", "company_ids"], "load": False},
            context=self._base_context,
        )
        fields = [
            FieldInfo("company_id", "many2one", relation="res.company"),
            FieldInfo("company_ids", "many2many", relation="res.company"),
        ]
        main, allowed = decode_rows("res.users", fields, rows).row(0)
        wanted = self.connection.companies or tuple(allowed)
        if strange := sorted(set(wanted) - set(allowed)):
            raise errors.OdooAccessError(
                f"the user {self.connection.username!r} does not belong to the companies {strange}",
                remedy="Correct NKDASH_COMPANIES, or allow the user these companies in Odoo.",
                model="res.users",
                method="read",
            )
        return tuple(sorted(wanted, key=lambda company: (company != main, company)))

    @property
    def _base_context(self) -> dict[str, Any]:
        return {"lang": "en_US", "tz": self.connection.timezone, "active_test": False}

    def _context(self, company: int | None) -> dict[str, Any]:
        companies = self.companies()
        if company is not None:
            companies = (company, *(other for other in companies if other != company))
        return {**self._base_context, "allowed_company_ids": list(companies)}

    def fields_get(self, model: str) -> dict[str, FieldInfo]:
        """Every field of the model that the user may see, by name; asked once a client.

        Raises OdooSchemaError for an unknown model.
        """
        return self._once(("fields", model), lambda: self._fetch_fields(model))

    def _fetch_fields(self, model: str) -> dict[str, FieldInfo]:
        answer: Mapping[str, Any] = self._execute(
            model,
            "fields_get",
            [],
            {"attributes": FIELD_ATTRIBUTES},
            context=self._base_context,
        )
        found = {name: FieldInfo.from_odoo(name, about) for name, about in answer.items()}
        return {"id": ID_FIELD, **found}

    def search_read(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        page_size: int | None = None,
        schema: Mapping[str, pl.DataType] | None = None,
        company: int | None = None,
    ) -> pl.DataFrame:
        """All records that fit the domain, one row each, sorted by ``id``.

        Columns are ``fields`` in that order (``id`` first if it was not asked for), with the
        dtypes of :data:`nkdash.odoo.decode.DTYPES`; ``schema`` casts columns to another dtype.
        No record appears twice and none that fits throughout is missed, whatever is written
        meanwhile. ``company`` is the one whose company-dependent values are read (default: the
        main one). Raises OdooSchemaError for a field that the model lacks.
        """
        size = page_size or self.connection.page_size
        columns = self._columns(model, fields)
        first = self._page(model, domain, columns, company, limit=size)
        pages = [first]
        if len(first) == size:
            ids = self._ids_after(model, domain, _last_id(first), company)
            pages += self._in_flight(
                lambda limits: self._page(model, [*domain, *limits], columns, company),
                id_ranges(_last_id(first), ids, size),
            )
        return _joined(model, pages, schema)

    def read_ids(
        self,
        model: str,
        ids: Iterable[int],
        fields: Sequence[str],
        *,
        company: int | None = None,
    ) -> pl.DataFrame:
        """The records with these ids, as :meth:`search_read`; missing ones are simply absent."""
        columns = self._columns(model, fields)
        pages = self._in_flight(
            lambda chunk: self._page(model, [("id", "in", chunk)], columns, company),
            chunks(sorted(set(ids)), self.connection.page_size),
        )
        empty = pl.DataFrame(schema=frame_schema(model, columns))
        return _joined(model, pages or [empty], None)

    def newest(self, model: str, fields: Sequence[str]) -> pl.DataFrame:
        """The record with the highest id, as :meth:`search_read`; no row where there is none."""
        return self._page(model, [], self._columns(model, fields), None, limit=1, order="id desc")

    def search_ids(self, model: str, domain: Domain) -> list[int]:
        """The ids of all records that fit the domain, ascending."""
        return self._ids_after(model, domain, 0, None)

    def search_count(self, model: str, domain: Domain, *, company: int | None = None) -> int:
        """How many records fit the domain."""
        return int(
            self._execute(model, "search_count", [domain], {}, context=self._context(company))
        )

    def read_group(
        self,
        model: str,
        domain: Domain,
        aggregates: Sequence[str],
        groupby: Sequence[str],
        *,
        limit: int | None = None,
        orderby: str | None = None,
    ) -> list[Group]:
        """Odoo's own groups in the shape of its ``read_group``, one row per combination.

        ``aggregates`` like ``amount_total:sum``, whose figure is then under ``amount_total``;
        ``groupby`` like ``date_order:day``; ``__count`` is always there. Take days from
        ``__range`` (UTC limits of the business day), never from the label. From Odoo 19 on
        ``groupby`` may lead through a many2one (``order_id.date_order:day``).
        """
        formatted = self.version().major >= FORMATTED_GROUPS_SINCE
        kwargs: dict[str, Any] = {} if formatted else {"lazy": False}
        if limit is not None:
            kwargs["limit"] = limit
        if orderby is not None:
            kwargs["order" if formatted else "orderby"] = orderby
        method = "formatted_read_group" if formatted else "read_group"
        args = (
            [domain, list(groupby), ["__count", *aggregates]]
            if formatted
            else [domain, list(aggregates), list(groupby)]
        )
        groups: list[Group] = self._execute(
            model, method, args, kwargs, context=self._context(None)
        )
        if not formatted:
            return groups
        return [as_read_group(group, aggregates, groupby) for group in groups]

    def check_access(self, model: str, operation: str = "read") -> bool:
        """Whether the user's groups allow read, write, create or unlink on the model."""
        if self.version().major >= 18:
            return bool(self._execute(model, "has_access", [[], operation], {}))
        kwargs = {"raise_exception": False}
        return bool(self._execute(model, "check_access_rights", [operation], kwargs))

    def has_group(self, group: str) -> bool:
        """Whether the user is in the group of this external id; False where there is no such."""
        me = [[self.authenticate()]] if self.version().major >= 18 else []
        return bool(self._execute("res.users", "has_group", [*me, group], {}))

    def _columns(self, model: str, names: Sequence[str]) -> list[FieldInfo]:
        known = self.fields_get(model)
        wanted = dict.fromkeys(names if "id" in names else ("id", *names))
        if missing := [name for name in wanted if name not in known]:
            raise errors.OdooSchemaError(
                f"Odoo {self.version().serie} has no field {', '.join(map(repr, missing))} on"
                f" {model}",
                remedy="Install the module that brings it, or give the user the group that sees"
                " it; `nkdash doctor` lists what is there.",
                model=model,
                method="search_read",
            )
        columns = [known[name] for name in wanted]
        # Fails for a type without a dtype before anything is read.
        frame_schema(model, columns)
        return columns

    def _page(
        self,
        model: str,
        domain: Domain,
        columns: Sequence[FieldInfo],
        company: int | None,
        limit: int | None = None,
        order: str = "id",
    ) -> pl.DataFrame:
        kwargs: dict[str, Any] = {"fields": [column.name for column in columns], "order": order}
        if limit is not None:
            kwargs["limit"] = limit
        # Odoo 14's search_read does not pass `load` on; the decoder takes [id, name] as well.
        if self.version().major >= 15:
            kwargs["load"] = False
        rows = self._execute(model, "search_read", [domain], kwargs, context=self._context(company))
        return decode_rows(model, columns, rows)

    def _ids_after(self, model: str, domain: Domain, last: int, company: int | None) -> list[int]:
        found: list[int] = []
        while True:
            batch: list[int] = self._execute(
                model,
                "search",
                [[*domain, ("id", ">", last)]],
                {"order": "id", "limit": IDS_PER_CALL},
                context=self._context(company),
            )
            found += batch
            if len(batch) < IDS_PER_CALL:
                return found
            last = batch[-1]

    def _in_flight(
        self, fetch: Callable[[Part], pl.DataFrame], parts: Iterable[Part]
    ) -> list[pl.DataFrame]:
        failed = threading.Event()

        def fetch_unless_failed(part: Part) -> pl.DataFrame:
            # Pages begin in order, so the failure that stopped this one is raised before it.
            if failed.is_set():
                raise CancelledError
            try:
                return fetch(part)
            except BaseException:
                failed.set()
                raise

        return list(self._pages.map(fetch_unless_failed, parts))

    def _execute(
        self,
        model: str,
        method: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        context: Mapping[str, Any] | None = None,
    ) -> Any:
        if self._expired.is_set():
            raise errors.TransientOdooError(
                "the time is over", remedy=errors.TRY_LATER, model=model, method=method
            )
        with_context = {**kwargs, "context": context} if context is not None else kwargs
        return self._transport.execute(self.authenticate(), model, method, args, with_context)

    def _once(self, key: Any, fetch: Callable[[], Known]) -> Known:
        with self._lock:
            if key not in self._known:
                self._known[key] = fetch()
            value: Known = self._known[key]
            return value


def _too_long(minutes: float, setting: str, cut_off: errors.OdooError) -> errors.OdooTimeLimitError:
    return errors.OdooTimeLimitError(
        f"{setting} ({minutes:g} minutes) is over, and Odoo had not answered all; "
        f"last: {cut_off.message}",
        remedy=f"Ask for fewer days at once (NKDASH_MAX_PARTITIONS_PER_RUN), or raise {setting}.",
        model=cut_off.model,
        method=cut_off.method,
    )


def _last_id(page: pl.DataFrame) -> int:
    return int(page["id"][-1])


def _joined(
    model: str, pages: Sequence[pl.DataFrame], schema: Mapping[str, pl.DataType] | None
) -> pl.DataFrame:
    frame = pl.concat(pages)
    if not (frame["id"].diff().drop_nulls() > 0).all():
        # A module may override search and ignore the order; paging would then lose records.
        raise errors.OdooRequestError(
            "Odoo did not answer in the order of ids, so pages cannot be trusted",
            remedy="Look for a custom module that overrides `search` of this model.",
            model=model,
            method="search_read",
        )
    return frame.cast(dict(schema)) if schema else frame  # type: ignore[arg-type]
