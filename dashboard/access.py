"""Who asks, and what they may do: nothing is answered to anybody whom this module did not let in.

Three ways: built-in users log in with a password; a proxy in front logs readers in and names them
in a header; or, on loopback alone, whoever sits at the machine is its admin.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import quote, urlsplit

from flask import Flask, Request, Response, g, jsonify, redirect, request

from dashboard.i18n import texts
from dashboard.store import Store, StoreError
from dashboard.users import Role, User, Users
from nkdash.settings import Settings, SettingsError

__all__ = ["Access", "Login", "RefusedError", "Role", "User", "current_user", "guard"]

# Set by our own test client alone: nobody can put such a key into a request from outside.
INSIDE = "nkdash.inside"
OPEN_PATHS = frozenset({"/healthz"})
LOGIN_PATH = "/login"
ACCOUNT_PATH = "/account"
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Pages about the whole retailer: nothing of them belongs to one store.
WHOLE_PAGES = frozenset({"inventory", "operations", "purchases"})
# Who asks for open paths, or warms the app up: may see nothing.
NOBODY = User("", Role.VIEWER, stores=())


class Login(StrEnum):
    """Who logs readers in."""

    USERS = "users"
    PROXY = "proxy"
    OFF = "off"


class RefusedError(Exception):
    """The request may not be answered at all; ``status`` is HTTP's."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(words)


def login_mode(settings: Settings) -> Login:
    """Who logs readers in. Raises SettingsError where the settings would let in just anybody."""
    chosen, proxies = settings.nkdash_login, settings.nkdash_trusted_proxies
    loopback = is_loopback(settings.nkdash_dashboard_host)
    if chosen == "off" and not loopback:
        raise SettingsError(
            [
                f"NKDASH_LOGIN is off, but NKDASH_DASHBOARD_HOST {settings.nkdash_dashboard_host} "
                "can be reached from other machines; set NKDASH_LOGIN=users, or listen on 127.0.0.1"
            ]
        )
    if chosen == "proxy" and not proxies:
        raise SettingsError(
            [
                "NKDASH_LOGIN is proxy, but NKDASH_TRUSTED_PROXIES names none; set it to the "
                "address of the proxy that logs readers in"
            ]
        )
    if chosen != "auto":
        return Login(chosen)
    if proxies:
        return Login.PROXY
    return Login.OFF if loopback else Login.USERS


class Access:
    """Tells who makes a request. Raises SettingsError where the mode makes no sense."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.mode = login_mode(settings)
        self.users = Users(
            store,
            idle=timedelta(hours=settings.nkdash_session_hours),
            longest=timedelta(days=settings.nkdash_session_days),
        )

    @property
    def is_https(self) -> bool:
        """Readers come by https: told by NKDASH_DASHBOARD_URL, else all but loopback must."""
        if self.settings.nkdash_dashboard_url:
            return self.settings.nkdash_dashboard_url.startswith("https://")
        return not is_loopback(self.settings.nkdash_dashboard_host)

    @property
    def cookie(self) -> str:
        """Name of the login's cookie; the prefix makes browsers insist on Secure and Path=/."""
        return "__Host-nkdash" if self.is_https else "nkdash"

    def reader(self, asked: Request) -> User:
        """Who makes this request. Raises RefusedError where nobody is known to, StoreError."""
        match self.mode:
            case Login.USERS:
                return self._logged_in(asked)
            case Login.PROXY:
                return self._named_by_proxy(asked)
            case Login.OFF:
                if _from_this_machine(asked):
                    return User("local", Role.ADMIN)
                raise RefusedError(
                    403,
                    "NKDash answers this machine alone, by its loopback address; for readers "
                    "elsewhere set NKDASH_LOGIN=users, and NKDASH_DASHBOARD_URL to its address.",
                )

    def address(self, asked: Request) -> str:
        """Where a request comes from: the caller, or whom the trusted proxies say they had."""
        caller = asked.remote_addr or ""
        hops = [part.strip() for part in asked.headers.get("X-Forwarded-For", "").split(",")]
        while hops and hops[-1] and self._trusted(caller):
            caller = hops.pop()
        return caller[:100]

    def _logged_in(self, asked: Request) -> User:
        token = asked.cookies.get(self.cookie)
        user = self.users.of_session(token, active=is_activity(asked)) if token else None
        if user is None:
            raise RefusedError(401, "Log in first.")
        return user

    def _named_by_proxy(self, asked: Request) -> User:
        settings = self.settings
        if not self._trusted(asked.remote_addr):
            raise RefusedError(
                403, "Only the proxy of NKDASH_TRUSTED_PROXIES may ask; open NKDash by its address."
            )
        name = asked.headers.get(settings.nkdash_user_header, "").strip()
        if not name:
            raise RefusedError(
                401,
                f"The proxy named no user in {settings.nkdash_user_header}; "
                "have it log readers in, or mend NKDASH_USER_HEADER.",
            )
        if "," in name:
            # Headers of one name arrive joined by commas.
            raise RefusedError(
                401,
                f"There is more than one name in {settings.nkdash_user_header}; "
                "have the proxy take that header out of what comes from outside.",
            )
        account = self.users.find(name)
        if account and not account.active:
            raise RefusedError(403, f"{name} may not open NKDash any longer; ask an admin.")
        if account:
            return User(name, account.role, account.stores)
        if name in settings.nkdash_admins:
            return User(name, Role.ADMIN)
        return User(name, Role.MANAGER if name in settings.nkdash_managers else Role.VIEWER)

    def _trusted(self, caller: str | None) -> bool:
        try:
            address = ip_address(caller or "")
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in ip_network(text) for text in self.settings.nkdash_trusted_proxies)


def current_user() -> User:
    """Who was let in with this request. Raises RefusedError where nobody was."""
    user: User | None = g.get("user")
    if user is None:
        raise RefusedError(401, "Nobody was let in.")
    return user


def may_open(user: User, page: str) -> bool:
    """Whether a page is for this reader."""
    return user.stores is None or page not in WHOLE_PAGES


def same_origin(asked: Request | None = None) -> bool:
    """Whether a page of ours made this request; what changes something must come from one."""
    asked = asked or request
    site = asked.headers.get("Sec-Fetch-Site")
    origin = asked.headers.get("Origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        # Schemes may differ where a proxy ends TLS.
        return urlsplit(origin).netloc == asked.host
    return site == "same-origin"


def is_activity(asked: Request) -> bool:
    """Its reader does something: not the page by itself, for a version newly published."""
    body = asked.get_json(silent=True) if asked.is_json else None
    return not (isinstance(body, dict) and body.get("changedPropIds") == ["version.data"])


def guard(
    server: Flask,
    access: Access,
    open_paths: frozenset[str] = OPEN_PATHS,
    owners: Mapping[str, str] | None = None,
) -> None:
    """Let nobody in whom ``access`` does not know, but to ``open_paths``.

    ``owners`` has the page that each output of a callback belongs to.
    """

    @server.before_request
    def decide() -> Response | None:
        if request.environ.get(INSIDE):
            g.user = NOBODY
            return None
        if request.method not in SAFE_METHODS and not same_origin():
            return _words(403, "Only a page of NKDash itself may ask for that.")
        if request.path in open_paths:
            g.user = NOBODY
            return None
        try:
            g.user = access.reader(request)
        except RefusedError as error:
            if access.mode is Login.USERS:
                return _to_login()
            return _words(error.status, str(error))
        except StoreError as error:
            return _words(503, str(error))
        if owners and not may_open(g.user, owners.get(_asked_output(), "")):
            return _words(403, texts("en")("withheld.words"))
        return None


def _asked_output() -> str:
    """The output that a callback is asked for; empty where this is none."""
    body = request.get_json(silent=True) if request.method == "POST" else None
    return str(body.get("output", "")) if isinstance(body, dict) else ""


def _to_login() -> Response:
    """Pages go to the login and come back; what a page asks for is told that its login ended."""
    if "text/html" in request.headers.get("Accept", ""):
        asks = request.method == "GET"
        here = request.full_path.removesuffix("?") if asks else request.path
        onwards = "" if here == "/" else f"?next={quote(here, safe='')}"
        return redirect(LOGIN_PATH + onwards, 302 if asks else 303)  # type: ignore[return-value]
    t = texts(request.cookies.get("nkdash_lang", ""))
    told = {name: t(f"ended.{name}") for name in ("title", "words", "go")}
    answer = jsonify(login=LOGIN_PATH, **told)
    answer.status_code = 401
    return answer


def _words(status: int, words: str) -> Response:
    return Response(f"{words}\n", status=status, mimetype="text/plain")


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address is this machine's own loopback."""
    if host == "localhost":
        return True
    try:
        return ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return False


def _from_this_machine(asked: Request) -> bool:
    """Neither by a proxy nor by a foreign name that was made to lead here (DNS rebinding)."""
    by_proxy = any(header in asked.headers for header in FORWARDED)
    host = urlsplit(f"//{asked.host}").hostname
    return is_loopback(asked.remote_addr) and is_loopback(host) and not by_proxy
