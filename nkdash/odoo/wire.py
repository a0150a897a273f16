"""One HTTP exchange with Odoo, whatever is said in it. Reads only.

Time-outs, TLS, no redirects, retries of what may pass, and the errors of requests that got no
answer or one that is not Odoo's.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import orjson
import requests
from pydantic import SecretBytes
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    wait_exponential_jitter,
)
from urllib3.exceptions import InvalidHeader, NameResolutionError
from urllib3.util import Retry

from nkdash.odoo import errors
from nkdash.odoo.connection import OdooConnection
from nkdash.odoo.errors import OdooConfigurationError, OdooError, TransientOdooError
from nkdash.odoo.stats import Stats

READ_METHODS = frozenset(
    {
        "check_access_rights",
        "context_get",
        "fields_get",
        "formatted_read_group",
        "has_access",
        "has_group",
        "read",
        "read_group",
        "search",
        "search_count",
        "search_read",
    }
)
MAX_BACKOFF_SECONDS = 30.0
# Who asks for a longer pause is not waited for inside a call.
MAX_RETRY_AFTER_SECONDS = 300.0
TRANSIENT_STATUSES = frozenset({408, 425, 429})

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What one attempt sends: a POST of ``body``, a GET where there is none.

    ``auth`` adds what proves who asks, so that no variable holds it.
    """

    path: str
    body: SecretBytes | None = None
    headers: Mapping[str, str | bytes] = field(default_factory=dict)
    auth: AuthBase | None = None


Understand = Callable[[requests.Response], Any]


class Wire:
    """Carries requests to one Odoo. Safe to use from several threads at once.

    One requests session serves them all: its urllib3 pool is made for that, and what is not safe
    to share in a session stays unused (no cookies are kept, nothing is changed after set-up).
    """

    def __init__(self, connection: OdooConnection, stats: Stats) -> None:
        self._connection = connection
        self._stats = stats
        self._closing = threading.Event()
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = "NKDash"
        adapter = HTTPAdapter(
            pool_connections=1, pool_maxsize=connection.pages_in_flight + 1, pool_block=False
        )
        self._session.mount(connection.base_url, adapter)
        self._backoff = wait_exponential_jitter(
            multiplier=connection.backoff_seconds,
            max=MAX_BACKOFF_SECONDS,
            jitter=connection.backoff_seconds,
        )

    def close(self) -> None:
        """Close the connections and end waiting retries."""
        self._closing.set()
        self._session.close()

    def call(
        self, request: Request, understand: Understand, method: str, model: str | None = None
    ) -> Any:
        """What ``understand`` makes of the answer; it raises OdooError for one that is no result.

        Raises TransientOdooError after the last attempt, or PermanentOdooError at once. ``method``
        and ``model`` name the call in errors.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(TransientOdooError),
            stop=self._give_up,
            wait=self._wait,
            sleep=sleep_using_event(self._closing),
            before_sleep=self._before_retry,
            reraise=True,
        )
        return retrying(self._exchange, request, understand, method, model)

    def redacted(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """An error of Odoo's with the key blotted out, should a server ever echo it."""
        key = self._connection.api_key.get_secret_value()
        # A key that is no secret (the demo's) would blot out plain words.
        if not key or key in (self._connection.db, self._connection.username):
            return data
        return {**data, "message": str(data.get("message") or "").replace(key, "***")}

    def _exchange(
        self, request: Request, understand: Understand, method: str, model: str | None
    ) -> Any:
        """One attempt: send, receive, tell a result from an error."""
        try:
            sent = len(request.body.get_secret_value()) if request.body else 0
            with self._stats.call(sent):
                response = self._send(request)
            self._stats.received(len(response.content))
            return understand(response)
        except OdooError as error:
            error.model, error.method = model, method
            raise

    def _send(self, request: Request) -> requests.Response:
        connection = self._connection
        try:
            return self._session.request(
                "POST" if request.body else "GET",
                f"{connection.base_url}{request.path}",
                data=request.body.get_secret_value() if request.body else None,
                headers={"Content-Type": "application/json", **request.headers},
                auth=request.auth,
                timeout=(connection.connect_timeout, connection.read_timeout),
                # Given with each request, for REQUESTS_CA_BUNDLE would win over session.verify.
                verify=str(connection.ca_file) if connection.ca_file else True,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            translated = _from_requests(error, connection)
        # Outside of the handler: requests' error holds the request, and with it the key.
        raise translated

    def _give_up(self, state: RetryCallState) -> bool:
        return (
            state.attempt_number >= self._connection.max_attempts
            or self._closing.is_set()
            or (_retry_after(state) or 0) > MAX_RETRY_AFTER_SECONDS
        )

    def _wait(self, state: RetryCallState) -> float:
        asked = _retry_after(state)
        return self._backoff(state) if asked is None else asked

    def _before_retry(self, state: RetryCallState) -> None:
        self._stats.retried()
        logger.warning(
            "%s Attempt %d of %d failed, next one in %.1f s",
            state.outcome.exception() if state.outcome else "",
            state.attempt_number,
            self._connection.max_attempts,
            state.upcoming_sleep,
        )


def only_reads(model: str, method: str) -> None:
    """Raise OdooWriteRefusedError unless ``method`` is one of READ_METHODS."""
    if method not in READ_METHODS:
        raise errors.OdooWriteRefusedError(
            "this method is not on NKDash's list of read methods, nothing was sent",
            remedy="NKDash only ever reads; use Odoo itself to change data.",
            model=model,
            method=method,
        )


def to_json(content: Any) -> SecretBytes:
    """A request's body."""
    return SecretBytes(orjson.dumps(content, _as_odoo, orjson.OPT_PASSTHROUGH_DATETIME))


def from_json(response: requests.Response) -> Any:
    """The JSON in an answer. Raises OdooError where there is none, or half of it."""
    if "json" not in response.headers.get("Content-Type", ""):
        raise OdooConfigurationError(
            f"{response.url} answered with a page instead of JSON; there is no Odoo",
            remedy=errors.CHECK_ADDRESS,
        )
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise TransientOdooError(
            "the answer broke off or is no valid JSON", remedy=errors.TRY_LATER
        ) from None


def _as_odoo(value: object) -> str:
    """Dates and datetimes as Odoo writes them: UTC, a naive one is taken as UTC."""
    if isinstance(value, datetime):
        utc = value.astimezone(UTC) if value.tzinfo else value
        return utc.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be sent to Odoo")


def _retry_after(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after if isinstance(error, TransientOdooError) else None


def from_status(response: requests.Response) -> OdooError:
    """The error for an answer that is neither a result nor an error of Odoo's own."""
    status = response.status_code
    said = f"HTTP {status} {response.reason or ''}".strip()
    if status in TRANSIENT_STATUSES or status >= requests.codes.server_error:
        error = TransientOdooError(said, remedy=errors.TRY_LATER)
        error.retry_after = _parse_retry_after(response)
        return error
    if 300 <= status < 400:
        target = response.headers.get("Location", "another address")
        remedy = (
            "Add +ssl to ODOO_PROTOCOL and set ODOO_PORT to the HTTPS port (443)."
            if target.startswith("https:") and response.url.startswith("http:")
            else "Set ODOO_HOST, ODOO_PORT and ODOO_PROTOCOL to that address."
        )
        return OdooConfigurationError(
            f"{said}: {response.url} redirects to {target}, which is not followed", remedy=remedy
        )
    if status in (requests.codes.not_found, requests.codes.method_not_allowed):
        return OdooConfigurationError(
            f"{said}: there is no Odoo at {response.url}", remedy=errors.CHECK_ADDRESS
        )
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        return OdooConfigurationError(
            f"{said}: a server in front of Odoo refuses the request",
            remedy="Let this machine through at the proxy or firewall in front of Odoo.",
        )
    if status == requests.codes.request_entity_too_large:
        return errors.OdooRequestError(said, remedy="Lower ODOO_PAGE_SIZE.")
    return errors.OdooRequestError(said, remedy=errors.REPORT_REQUEST)


def _parse_retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return Retry().parse_retry_after(value)
    except InvalidHeader:
        return None


def _from_requests(error: requests.RequestException, connection: OdooConnection) -> OdooError:
    """The error for a request that got no answer."""
    target = f"{connection.host}:{connection.port}"
    cause = _root_cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return OdooConfigurationError(
            f"the TLS certificate of {target} is not trusted: {cause.verify_message}",
            remedy="Set ODOO_CA_FILE to your CA's PEM file, or renew the certificate.",
        )
    if isinstance(cause, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(cause):
        return OdooConfigurationError(
            f"{target} does not speak TLS",
            remedy="Take +ssl off ODOO_PROTOCOL, or set ODOO_PORT to the HTTPS port.",
        )
    if isinstance(error, requests.ConnectTimeout):
        return TransientOdooError(
            f"{target} did not accept a connection within {connection.connect_timeout:g} s",
            remedy=f"{errors.CHECK_ADDRESS} A firewall may swallow the packets.",
        )
    if isinstance(error, requests.Timeout) or isinstance(cause, TimeoutError):
        return TransientOdooError(
            f"{target} did not answer within {connection.read_timeout:g} s",
            remedy="Lower ODOO_PAGE_SIZE or raise ODOO_READ_TIMEOUT.",
        )
    if isinstance(cause, NameResolutionError | socket.gaierror):
        return TransientOdooError(
            f"the host name {connection.host!r} cannot be resolved",
            remedy="Check ODOO_HOST and this machine's DNS.",
        )
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return TransientOdooError(
            f"the connection to {target} failed: {errors.shorten(str(cause))}",
            remedy=f"Is Odoo running? {errors.CHECK_ADDRESS}",
        )
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return TransientOdooError("the compressed answer is broken", remedy=errors.TRY_LATER)
    return OdooConfigurationError(errors.shorten(str(error)), remedy=errors.CHECK_ADDRESS)


def _root_cause(error: BaseException) -> BaseException:
    """The innermost exception behind the wrappers of requests and urllib3."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = getattr(error, "reason", None) or next(
            (arg for arg in error.args if isinstance(arg, BaseException)), None
        )
        following = inner if isinstance(inner, BaseException) else error.__cause__
        if following is None:
            break
        error = following
    return error
