"""Whether Odoo may be asked now: schedules and sensors that load ask here first.

Odoo that is down closes the gate until a short probe reaches it again, so that an hour's outage
piles up no runs. What Odoo refuses for good closes it for every process, by Dagster's storage:
credentials that are known to be wrong are not tried again, until the connection's settings change
or ``nkdash resume``; a wrong address or database is looked at again every hour.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from nkdash import clock
from nkdash.automation.memory import recall, remember
from nkdash.odoo.client import OdooClient
from nkdash.odoo.connection import OdooConnection
from nkdash.odoo.errors import OdooCredentialsError, OdooError, PermanentOdooError
from nkdash.settings import Settings

MEMORY = "gate"
PROBE_SECONDS = 5.0
PROBE_KEPT = timedelta(seconds=30)
LOOK_AGAIN = timedelta(hours=1)
RESUME = "Nothing is loaded until the settings change or `nkdash resume` is run."


@dataclass(frozen=True)
class Refusal:
    """What Odoo refused for good. ``until``: when it is looked at again; None: never by itself."""

    message: str
    remedy: str
    salt: str
    fingerprint: str
    until: datetime | None

    @property
    def sentence(self) -> str:
        """What is wrong and what to do."""
        return f"{self.message.rstrip('.')}. {self.remedy}"

    def is_about(self, connection: OdooConnection) -> bool:
        """Whether these very settings were refused."""
        return secrets.compare_digest(self.fingerprint, fingerprint(connection, self.salt))


_probes: dict[str, tuple[datetime, str | None]] = {}


def why_closed(instance: dg.DagsterInstance, settings: Settings) -> str | None:
    """None where Odoo may be asked; else the sentence why not."""
    if missing := settings.missing_odoo():
        return f"Odoo cannot be asked: {', '.join(missing)} is not set."
    connection = settings.odoo_connection()
    if refusal := refused(instance, connection):
        if refusal.until is None or clock.machine_now() < refusal.until:
            return refusal.sentence
        return try_again(instance, connection)
    return _probe(connection)


def refused(instance: dg.DagsterInstance, connection: OdooConnection) -> Refusal | None:
    """What is remembered against this connection; what was against another one is forgotten."""
    if (kept := recall(instance, MEMORY)) is None:
        return None
    refusal = _from_memory(kept)
    if refusal.is_about(connection):
        return refusal
    resume(instance)
    return None


def refuse(
    instance: dg.DagsterInstance, connection: OdooConnection, error: PermanentOdooError
) -> None:
    """Close the gate for what Odoo said when it was connected to."""
    forever = isinstance(error, OdooCredentialsError)
    until = None if forever else clock.machine_now() + LOOK_AGAIN
    salt = secrets.token_hex(16)
    kept = {
        "message": f"{error.where}: {error.message}" if error.where else error.message,
        "remedy": f"{error.remedy} {RESUME}" if forever else error.remedy,
        "salt": salt,
        "fingerprint": fingerprint(connection, salt),
        "until": until and until.isoformat(),
    }
    remember(instance, MEMORY, kept)


def resume(instance: dg.DagsterInstance) -> bool:
    """Open the gate; whether it was closed."""
    was_closed = recall(instance, MEMORY) is not None
    if was_closed:
        remember(instance, MEMORY, None)
    _probes.clear()
    return was_closed


def fingerprint(connection: OdooConnection, salt: str) -> str:
    """What tells a connection's address and credentials from others', and gives none away."""
    of = (
        *(connection.host, str(connection.port), connection.protocol, connection.db),
        *(connection.username, connection.api_key.get_secret_value()),
        str(connection.ca_file),
    )
    hashed = hashlib.scrypt("\0".join(of).encode(), salt=bytes.fromhex(salt), n=2**12, r=8, p=1)
    return hashed.hex()


def _from_memory(kept: Mapping[str, Any]) -> Refusal:
    until = kept["until"] and datetime.fromisoformat(kept["until"])
    return Refusal(kept["message"], kept["remedy"], kept["salt"], kept["fingerprint"], until)


def try_again(instance: dg.DagsterInstance, connection: OdooConnection) -> str | None:
    """Log in once: open the gate where Odoo takes it, else keep it closed."""
    try:
        with OdooClient(_briefly(connection)) as client:
            client.companies()
    except PermanentOdooError as error:
        refuse(instance, connection, error)
        return str(error)
    except OdooError as error:
        return str(error)
    resume(instance)
    return None


def _probe(connection: OdooConnection) -> str | None:
    """Why Odoo cannot be reached, None where it can; asked anew each half a minute."""
    now = clock.machine_now()
    at, told = _probes.get(connection.base_url, (None, None))
    if at is None or not timedelta() <= now - at < PROBE_KEPT:
        told = _unreachable(connection)
        _probes[connection.base_url] = (now, told)
    return told


def _unreachable(connection: OdooConnection) -> str | None:
    try:
        with OdooClient(_briefly(connection)) as client:
            client.version()
    except OdooError as error:
        return str(error)
    return None


def _briefly(connection: OdooConnection) -> OdooConnection:
    """The same connection, with little patience."""
    return replace(
        connection,
        max_attempts=1,
        connect_timeout=min(PROBE_SECONDS, connection.connect_timeout),
        read_timeout=min(PROBE_SECONDS, connection.read_timeout),
    )
