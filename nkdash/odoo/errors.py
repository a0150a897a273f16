"""What can go wrong with Odoo, told apart by one question: does trying again help?

Every error carries Odoo's own message, the model and method it happened in, and a remedy.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

MESSAGE_LINES = 4
MESSAGE_CHARACTERS = 600


class OdooError(Exception):
    """Base of all errors of this room; ``str()`` is a full sentence with cause and remedy."""

    transient: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        remedy: str,
        model: str | None = None,
        method: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.model = model
        self.method = method
        self.name = name

    @property
    def where(self) -> str:
        """The call that failed, as ``model.method``; empty outside of a call."""
        return ".".join(part for part in (self.model, self.method) if part)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message.rstrip('.')}. {self.remedy}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Dagster and process pools pickle errors; keyword-only arguments need help for that.
        return (_rebuild, (type(self), self.message, self.__dict__.copy()))


def _rebuild(cls: type[OdooError], message: str, state: dict[str, Any]) -> OdooError:
    error = cls(message, remedy=state["remedy"])
    error.__dict__.update(state)
    return error


class TransientOdooError(OdooError):
    """Trying again may help: connection, time-out, 429, 5xx, serialization failure, broken body."""

    transient = True
    retry_after: float | None = None


class PermanentOdooError(OdooError):
    """Trying again cannot help."""


class OdooCredentialsError(PermanentOdooError):
    """Odoo does not accept the user name or the API key."""


class OdooAccessError(PermanentOdooError):
    """The user may not read this."""


class OdooSchemaError(PermanentOdooError):
    """A model, field or method is not there, or a value is not of its field's type."""


class OdooConfigurationError(PermanentOdooError):
    """The address, database or TLS settings do not lead to an Odoo."""


class OdooRequestError(PermanentOdooError):
    """Odoo refused the request itself, e.g. a malformed domain."""


class OdooWriteRefusedError(PermanentOdooError):
    """A method outside the read-only list was asked for; nothing was sent."""


class OdooTimeLimitError(PermanentOdooError):
    """The step used up its time; trying again at once would too."""


TRY_LATER = "Try again later; if it lasts, look at Odoo's own log."
CHECK_CREDENTIALS = "Check ODOO_USERNAME and ODOO_API_KEY (an API key of exactly that user)."
CHECK_DATABASE = "Check ODOO_DB, and the server's database filter."
CHECK_ADDRESS = "Check ODOO_HOST, ODOO_PORT and ODOO_PROTOCOL."
GRANT_READ = "Give the NKDash user read access to it in Odoo."
CHECK_FIELDS = "Check the Odoo version and the installed modules with `nkdash doctor`."
REPORT_REQUEST = "This is a fault in the request that NKDash made; please report it."

# By the exception class that Odoo names in error.data.name; another attempt may succeed.
_TRANSIENT_NAMES = re.compile(
    r"SerializationFailure|DeadlockDetected|TransactionRollback|LockNotAvailable|QueryCanceled"
    r"|AdminShutdown|CrashShutdown|CannotConnectNow|TooManyConnections|InterfaceError|PoolError"
    r"|ConcurrencyError|MissingError|MemoryError|TimeoutError|ConnectionError"
    r"|TooManyRequests|ServiceUnavailable|BadGateway|GatewayTimeout|InternalServerError"
)
_UNKNOWN_DATABASE = re.compile(r'database ".*" does not exist')
_UNKNOWN_SCHEMA = re.compile(
    r"Invalid field|^Object \S+ doesn't exist|method '.*' does not exist|has no attribute"
    r"|Unknown field|the model '.*' does not exist"
)


def from_odoo(
    data: Mapping[str, Any],
    *,
    model: str | None = None,
    method: str | None = None,
    credentials_remedy: str = CHECK_CREDENTIALS,
) -> OdooError:
    """The error for what Odoo says of one (``error.data`` in JSON-RPC, the body in JSON-2).

    Classified by its name and message. Only Odoo's message is kept, never ``debug`` with the
    server's frames.
    """
    name = str(data.get("name") or "")
    text = str(data.get("message") or name or "Odoo gave no reason")
    kind, remedy = _classify(name, text)
    if kind is OdooCredentialsError:
        remedy = credentials_remedy
    return kind(shorten(text), remedy=remedy, model=model, method=method, name=name)


def _classify(name: str, text: str) -> tuple[type[OdooError], str]:
    if _UNKNOWN_DATABASE.search(text):
        return OdooConfigurationError, CHECK_DATABASE
    if name.endswith(("AccessDenied", "Unauthorized")):
        return OdooCredentialsError, CHECK_CREDENTIALS
    if name.endswith("AccessError"):
        return OdooAccessError, GRANT_READ
    # An OperationalError that is no unknown database is a lost or refused database connection.
    if _TRANSIENT_NAMES.search(name) or name.endswith("OperationalError"):
        return TransientOdooError, TRY_LATER
    if _UNKNOWN_SCHEMA.search(text):
        return OdooSchemaError, CHECK_FIELDS
    return OdooRequestError, REPORT_REQUEST


def shorten(text: str) -> str:
    """The first lines of a server's message on one line, at most 600 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    joined = " ".join(lines[:MESSAGE_LINES])
    return joined if len(joined) <= MESSAGE_CHARACTERS else joined[:MESSAGE_CHARACTERS] + "…"
