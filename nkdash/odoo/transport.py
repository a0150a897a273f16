"""JSON-RPC over HTTP: one request in, one result or one classified error out. Reads only."""

import logging
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import orjson
import requests
from pydantic import SecretBytes
from requests.adapters import HTTPAdapter
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


class JsonRpcTransport:
    """Speaks ``/jsonrpc``. Safe to use from several threads at once.

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

    def version(self) -> Mapping[str, Any]:
        """What ``common.version`` answers; needs no credentials. Raises OdooError."""
        answer: Mapping[str, Any] = self._call(_body("common", "version", ()), "version")
        return answer

    def authenticate(self) -> int | None:
        """The user's id, None if Odoo does not accept the credentials. Raises OdooError."""
        uid: int | bool | None = self._call(self._login_body(), "authenticate")
        return uid or None

    def execute(
        self, uid: int, model: str, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call a read method of a model as user ``uid``.

        Raises OdooWriteRefusedError before anything is sent if the method is not one of
        READ_METHODS, else TransientOdooError after the last attempt, or PermanentOdooError.
        """
        if method not in READ_METHODS:
            raise errors.OdooWriteRefusedError(
                "this method is not on NKDash's list of read methods, nothing was sent",
                remedy="NKDash only ever reads; use Odoo itself to change data.",
                model=model,
                method=method,
            )
        return self._call(self._execute_body(uid, model, method, args, kwargs), method, model)

    # The key appears in these two functions only: no frame that can be part of a traceback
    # holds it in a variable.
    def _login_body(self) -> SecretBytes:
        connection = self._connection
        key = connection.api_key.get_secret_value()
        return _body("common", "authenticate", (connection.db, connection.username, key, {}))

    def _execute_body(self, uid: int, *call: Any) -> SecretBytes:
        connection = self._connection
        key = connection.api_key.get_secret_value()
        return _body("object", "execute_kw", (connection.db, uid, key, *call))

    def _call(self, body: SecretBytes, method: str, model: str | None = None) -> Any:
        retrying = Retrying(
            retry=retry_if_exception_type(TransientOdooError),
            stop=self._give_up,
            wait=self._wait,
            sleep=sleep_using_event(self._closing),
            before_sleep=self._before_retry,
            reraise=True,
        )
        return retrying(self._exchange, body, method, model)

    def _exchange(self, body: SecretBytes, method: str, model: str | None) -> Any:
        """One attempt: send, receive, tell a result from an error."""
        try:
            with self._stats.call(len(body)):
                response = self._post(body)
            self._stats.received(len(response.content))
            answer = _json_rpc_answer(response)
            if "error" in answer:
                raise errors.from_odoo(self._redacted(answer["error"]))
        except OdooError as error:
            error.model, error.method = model, method
            raise
        return answer["result"]

    def _post(self, body: SecretBytes) -> requests.Response:
        connection = self._connection
        try:
            return self._session.post(
                f"{connection.base_url}/jsonrpc",
                data=body.get_secret_value(),
                headers={"Content-Type": "application/json"},
                timeout=(connection.connect_timeout, connection.read_timeout),
                # Given with each request, for REQUESTS_CA_BUNDLE would win over session.verify.
                verify=str(connection.ca_file) if connection.ca_file else True,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            translated = _from_requests(error, connection)
        # Outside of the handler: requests' error holds the request, and with it the key.
        raise translated

    def _redacted(self, error: Mapping[str, Any]) -> Mapping[str, Any]:
        """``error.data`` with the key blotted out, should a server ever echo it."""
        raw = error.get("data")
        data = dict(raw) if isinstance(raw, Mapping) else {"message": error.get("message")}
        key = self._connection.api_key.get_secret_value()
        # A key that is no secret (the demo's) would blot out plain words.
        if key and key not in (self._connection.db, self._connection.username):
            data["message"] = str(data.get("message") or "").replace(key, "***")
        return data

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


def _body(service: str, method: str, args: Sequence[Any]) -> SecretBytes:
    params = {"service": service, "method": method, "args": args}
    request = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
    return SecretBytes(orjson.dumps(request, _as_odoo, orjson.OPT_PASSTHROUGH_DATETIME))


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


def _json_rpc_answer(response: requests.Response) -> Mapping[str, Any]:
    """The JSON-RPC object of an answer. Raises OdooError for anything else."""
    status = response.status_code
    if status != requests.codes.ok:
        raise _from_status(response)
    if "json" not in response.headers.get("Content-Type", ""):
        raise OdooConfigurationError(
            f"{response.url} answered with a page instead of JSON; there is no Odoo",
            remedy=errors.CHECK_ADDRESS,
        )
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise TransientOdooError(
            "the answer broke off or is no valid JSON", remedy=errors.TRY_LATER
        ) from None
    if not isinstance(answer, Mapping) or "jsonrpc" not in answer:
        raise OdooConfigurationError(
            f"{response.url} answered JSON, but not as Odoo does", remedy=errors.CHECK_ADDRESS
        )
    if "result" not in answer and "error" not in answer:
        raise TransientOdooError(
            "the answer holds neither a result nor an error", remedy=errors.TRY_LATER
        )
    return answer


def _from_status(response: requests.Response) -> OdooError:
    status = response.status_code
    said = f"HTTP {status} {response.reason or ''}".strip()
    if status in TRANSIENT_STATUSES or status >= requests.codes.server_error:
        error = TransientOdooError(said, remedy=errors.TRY_LATER)
        error.retry_after = _parse_retry_after(response)
        return error
    if 300 <= status < 400:
        target = response.headers.get("Location", "another address")
        remedy = (
            "Set ODOO_PROTOCOL=jsonrpc+ssl and ODOO_PORT to the HTTPS port (443)."
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
            remedy="Set ODOO_PROTOCOL=jsonrpc, or ODOO_PORT to the HTTPS port.",
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
