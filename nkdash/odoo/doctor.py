"""Is this Odoo fit for NKDash? One check per question, each failure with its remedy."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from nkdash.odoo import rights
from nkdash.odoo.client import OdooClient
from nkdash.odoo.connection import OdooConnection
from nkdash.odoo.errors import OdooAccessError, OdooError, OdooSchemaError
from nkdash.odoo.server_version import JSON2_SINCE, JSON_RPC_UNTIL

# Model -> its fields; True where NKDash cannot do without the field.
Needs = Mapping[str, Mapping[str, bool]]

KNOWN_MAJORS = range(14, 20)
PROVEN_MAJORS = frozenset({17, 19})
JSON_RPC = "JSON-RPC"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
GUIDE = "docs/odoo-user.md makes a user that may read this and no more."
ZONE_MODEL, ZONE_FIELD = "pos.order", "date_order"


@dataclass(frozen=True)
class Check:
    """One answer. ``ok`` is None where it is only a warning or cannot be told."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str | bool | None]:
        """JSON-able."""
        return asdict(self)


def checks(connection: OdooConnection, models: Needs) -> list[Check]:
    """Ask Odoo everything NKDash depends on. Never raises OdooError: failures are checks.

    Ends early where the rest could not be asked: server, credentials, companies.
    """
    with OdooClient(replace(connection, max_attempts=min(connection.max_attempts, 2))) as client:
        found: list[Check] = []
        for name, ask in FIRST_QUESTIONS.items():
            found += _asked(name, partial(ask, client))
            if found[-1].ok is False:
                return found
        for model, fields in models.items():
            found += _asked(f"model {model}", partial(_model, client, model, fields))
        found += _asked("time zone", partial(_time_zone, client))
        found += _asked("write rights", partial(_too_much, client, models))
        return found


def _asked(name: str, ask: Callable[[], Iterator[Check]]) -> list[Check]:
    try:
        return list(ask())
    except OdooAccessError as error:
        return [Check(name, False, error.message, f"{error.remedy} {GUIDE}")]
    except OdooError as error:
        return [Check(name, False, error.message, error.remedy)]


def _server(client: OdooClient) -> Iterator[Check]:
    client.version()
    connection = client.connection
    if not connection.tls and connection.host not in LOOPBACK:
        yield Check(
            "encryption",
            None,
            "the API key travels unencrypted",
            f"Put Odoo behind TLS and set ODOO_PROTOCOL={connection.api}+ssl.",
        )
    yield Check("server", True, f"{connection.base_url} answers as Odoo does")


def _version(client: OdooClient) -> Iterator[Check]:
    version = client.version()
    if version.major not in KNOWN_MAJORS:
        known = f"{KNOWN_MAJORS[0]} to {KNOWN_MAJORS[-1]}"
        yield Check(
            "version",
            None if version.major > KNOWN_MAJORS[-1] else False,
            f"Odoo {version.serie}; NKDash knows {known}",
            "Look for a newer NKDash." if version.major > KNOWN_MAJORS[-1] else "Upgrade Odoo.",
        )
        return
    proof = "recorded data" if version.major in PROVEN_MAJORS else "its field lists only"
    yield Check("version", True, f"Odoo {version.serie}, tested against {proof}")


def _credentials(client: OdooClient) -> Iterator[Check]:
    uid = client.authenticate()
    spoken = client.protocol()
    if spoken == JSON_RPC and client.version().major >= JSON2_SINCE:
        yield Check(
            "protocol",
            None,
            f"{spoken}, which Odoo {JSON_RPC_UNTIL + 1} no longer speaks",
            "Set ODOO_API_KEY to an API key of that user (no password), and ODOO_PROTOCOL to auto"
            " or auto+ssl: JSON-2 is then taken.",
        )
    yield Check("credentials", True, f"{client.connection.username} is user {uid}, by {spoken}")


def _companies(client: OdooClient) -> Iterator[Check]:
    ids = client.companies()
    companies = client.read_ids("res.company", ids, ["name", "currency_id"])
    currencies = client.read_ids("res.currency", companies["currency_id"].drop_nulls(), ["name"])
    code = dict(currencies.select("id", "name").rows())
    listed = {
        company: f"{company} {name} ({code.get(currency, 'no currency')})"
        for company, name, currency in companies.select("id", "name", "currency_id").rows()
    }
    several = currencies.height > 1
    yield Check(
        "companies",
        None if several else True,
        "; ".join(listed[company] for company in ids if company in listed),
        "These companies keep different currencies, whose amounts cannot be added up; "
        "name those of one currency in NKDASH_COMPANIES."
        if several
        else "",
    )


def _model(client: OdooClient, model: str, fields: Mapping[str, bool]) -> Iterator[Check]:
    name = f"model {model}"
    needed = any(fields.values())
    try:
        known = client.fields_get(model)
    except OdooSchemaError as error:
        if needed:
            raise
        yield Check(name, None, f"{error.message}; NKDash does without it")
        return
    absent = [field for field in fields if field not in known]
    hidden = rights.hidden(client, model, absent) if absent else []
    missing = [field for field in absent if fields[field]]
    if missing:
        yield Check(name, False, f"lacks {', '.join(missing)}", _why_absent(client, hidden))
        return
    present = [field for field in fields if field in known]
    # A model that Odoo has is read, needed or not: without the right to, the load would fail.
    empty = client.newest(model, present).is_empty()
    count = client.search_count(model, [])
    if absent:
        yield Check(
            name,
            None,
            f"{count:,} records; without {', '.join(absent)}",
            f"Not needed: these columns stay empty. {_why_absent(client, hidden)}"
            if hidden
            else "Not needed: these columns stay empty.",
        )
    elif empty and needed:
        yield Check(
            name,
            None,
            "no records",
            "If Odoo does hold some, its record rules hide them from the NKDash user.",
        )
    else:
        yield Check(name, True, f"{count:,} records, all {len(fields)} fields")


def _why_absent(client: OdooClient, hidden: list[str] | None) -> str:
    """The remedy for absent fields; ``hidden`` are those known to be kept from the user."""
    if hidden:
        return f"Give the user the groups that see {', '.join(hidden)}: this Odoo has them."
    cause = f"Odoo {client.version().serie} or its modules lack what NKDash needs"
    return (
        f"{cause}."
        if hidden is not None
        else (f"{cause}, or the user is not in the group that sees it.")
    )


def _time_zone(client: OdooClient) -> Iterator[Check]:
    """Prove with one group of one order where Odoo begins the day."""
    name, zone_name = "time zone", client.connection.timezone
    try:
        newest = client.newest(ZONE_MODEL, [ZONE_FIELD])
    except (OdooSchemaError, OdooAccessError) as error:
        yield Check(name, None, f"cannot tell: {error.message}", error.remedy)
        return
    if newest.is_empty():
        yield Check(name, None, "cannot tell before there is a first POS order")
        return
    order, ordered_at = newest.row(0)
    domain, key = [("id", "=", order)], f"{ZONE_FIELD}:day"
    groups = client.read_group(ZONE_MODEL, domain, ["amount_total:sum"], [key])
    limits = groups[0].get("__range", {}).get(key) if groups else None
    if not limits:
        yield Check(name, None, "cannot tell: Odoo gives no limits of the day")
        return
    zone = ZoneInfo(zone_name)
    local_day = ordered_at.replace(tzinfo=UTC).astimezone(zone).date()
    midnight = datetime.combine(local_day, time(), zone)
    expected = midnight.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if limits["from"] != expected:
        yield Check(
            name,
            False,
            f"Odoo begins the day of {local_day} at {limits['from']} UTC, but in {zone_name} it"
            f" begins at {expected} UTC",
            "Odoo takes a zone it does not know for UTC: install tzdata where Odoo runs, or name"
            " in NKDASH_TIMEZONE a zone that it knows.",
        )
    elif midnight.utcoffset() == timedelta(0) and zone_name != "UTC":
        yield Check(name, None, f"cannot tell: {zone_name} equals UTC on {local_day}")
    else:
        yield Check(name, True, f"Odoo knows {zone_name}: the day begins at {expected} UTC")


def _too_much(client: OdooClient, models: Needs) -> Iterator[Check]:
    """A note for each kind of right beyond reading what NKDash reads, or that there is none."""
    try:
        found = {
            "write rights": ("NKDash never writes, but may", rights.writable(client, models)),
            "powers": ("held without need: the user", rights.powers(client)),
            "other data": ("open without need:", rights.private(client, models)),
        }
    except OdooSchemaError as error:
        yield Check("write rights", None, f"cannot tell: {error.message}")
        return
    for name, (words, listed) in found.items():
        if listed:
            yield Check(name, None, f"{words} {'; '.join(listed)}", GUIDE)
    if not any(listed for _, listed in found.values()):
        yield Check("write rights", True, "the user may read what NKDash needs, nothing beyond")


# What everything else rests on, in this order.
FIRST_QUESTIONS: Mapping[str, Callable[[OdooClient], Iterator[Check]]] = {
    "server": _server,
    "version": _version,
    "credentials": _credentials,
    "companies": _companies,
}
