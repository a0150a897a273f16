"""Who asks, and what they may do.

Two ways now: the dashboard listens on loopback, where whoever sits at the machine is its admin; or
a proxy in front logs readers in and names them in a header. Anything else is a viewer.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from flask import Flask, Request, Response, request

from nkdash.settings import Settings

# Set by our own test client alone: nobody can put such a key into a request from outside.
INSIDE = "nkdash.inside"
OPEN_PATHS = ("/healthz",)
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")


class Role(StrEnum):
    """What a reader may do; each may what the one before may."""

    VIEWER = "viewer"
    MANAGER = "manager"
    ADMIN = "admin"


@dataclass(frozen=True)
class User:
    """Who asks."""

    name: str
    role: Role

    @property
    def may_operate(self) -> bool:
        """May refresh days, cancel runs, and see who asked for what."""
        return self.role in (Role.MANAGER, Role.ADMIN)


class RefusedError(Exception):
    """The request may not be answered at all; ``status`` is HTTP's."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(words)


def current_user(settings: Settings, asked: Request | None = None) -> User:
    """Who makes this request. Raises RefusedError where that cannot be trusted."""
    asked = asked or request
    if settings.nkdash_trusted_proxies:
        return _named_by_proxy(settings, asked)
    if is_loopback(settings.nkdash_dashboard_host) and _from_this_machine(asked):
        return User("local", Role.ADMIN)
    return User("", Role.VIEWER)


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


def guard(server: Flask, settings: Settings) -> None:
    """Answer nothing to callers that a trusted proxy does not vouch for."""

    @server.before_request
    def refuse() -> Response | None:
        if request.environ.get(INSIDE) or request.path in OPEN_PATHS:
            return None
        try:
            current_user(settings)
        except RefusedError as error:
            return Response(f"{error}\n", status=error.status, mimetype="text/plain")
        return None


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


def _named_by_proxy(settings: Settings, asked: Request) -> User:
    if not _trusted(settings, asked.remote_addr):
        raise RefusedError(
            403, "Only the proxy of NKDASH_TRUSTED_PROXIES may ask; open NKDash by its address."
        )
    names = asked.headers.getlist(settings.nkdash_user_header)
    name = names[0].strip() if len(names) == 1 else ""
    if not name:
        raise RefusedError(
            401,
            f"The proxy named no user in {settings.nkdash_user_header}; "
            "have it log readers in, or mend NKDASH_USER_HEADER.",
        )
    if name in settings.nkdash_admins:
        return User(name, Role.ADMIN)
    return User(name, Role.MANAGER if name in settings.nkdash_managers else Role.VIEWER)


def _trusted(settings: Settings, caller: str | None) -> bool:
    try:
        address = ip_address(caller or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in ip_network(text) for text in settings.nkdash_trusted_proxies)
