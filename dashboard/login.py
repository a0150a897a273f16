"""The login page and the way out, for built-in users."""

import secrets
import uuid
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, Response, g, redirect, request

from dashboard.access import LOGIN_PATH, OPEN_PATHS, Access, Login, RefusedError
from dashboard.forms import (
    asked_texts,
    drawn,
    is_signed,
    locked,
    put_cookie,
    put_session,
    retry_after,
    signed,
)
from dashboard.i18n import Texts
from dashboard.scheme import FONT_FILE
from dashboard.store import DONE, FAILED, LOGIN, LOGIN_FAILED, LOGOUT, REFUSED, Entry, StoreError
from dashboard.users import LockedError, machine_now

LOGOUT_PATH = "/logout"
LONGEST_NEXT = 2000
# What the login page needs, and nobody must be known for.
LOGIN_OPEN = OPEN_PATHS | {
    LOGIN_PATH,
    FONT_FILE,
    "/assets/00-base.css",
    "/assets/06-login.css",
    "/assets/icons/nkdash.svg",
}


def add_login(server: Flask, access: Access, key: bytes) -> None:
    """Serve /login and /logout. ``key`` signs their forms."""
    form_cookie = f"{access.cookie}-form"

    @server.get(LOGIN_PATH)
    def login() -> Response:
        onwards = safe_next(request.args.get("next", ""))
        try:
            access.reader(request)
        except RefusedError:
            return page(asked_texts(), onwards, problems=_insecure(access))
        except StoreError as error:
            return page(asked_texts(), onwards, status=503, problems=(str(error),))
        return _to(onwards)

    @server.post(LOGIN_PATH)
    def enter() -> Response:
        t = asked_texts()
        name, onwards = request.form.get("name", ""), safe_next(request.form.get("next", ""))
        bound = request.cookies.get(form_cookie, "")
        if not bound or not is_signed(key, bound, request.form.get("form", "")):
            problems = _insecure(access) or (t("login.stale"),)
            return page(t, onwards, status=400, name=name, problems=problems)
        try:
            return tried(t, name, onwards)
        except LockedError as error:
            tell(LOGIN_FAILED, name, REFUSED, "locked")
            problems = (locked(t, error),)
            return retry_after(page(t, onwards, status=429, name=name, problems=problems), error)
        except StoreError as error:
            return page(t, onwards, status=503, name=name, problems=(str(error),))

    def tried(t: Texts, name: str, onwards: str) -> Response:
        password = request.form.get("password", "")
        account = access.users.verify(name, password, access.address(request))
        if account is None:
            tell(LOGIN_FAILED, name, FAILED)
            return page(t, onwards, status=401, name=name, problems=(t("login.wrong"),))
        old = request.cookies.get(access.cookie)
        if old:
            access.users.end(old)
        tell(LOGIN, account.name, DONE, role=account.role)
        answer = _to(onwards)
        put_session(answer, access, account.name)
        answer.delete_cookie(form_cookie, secure=access.is_https)
        return answer

    @server.post(LOGOUT_PATH)
    def leave() -> Response:
        token = request.cookies.get(access.cookie, "")
        if not is_signed(key, token, request.form.get("form", "")):
            return Response("Open NKDash again, then log out.\n", 400, mimetype="text/plain")
        tell(LOGOUT, g.user.name, DONE, role=g.user.role)
        access.users.end(token)
        answer = _to(LOGIN_PATH)
        answer.delete_cookie(access.cookie, secure=access.is_https)
        return answer

    def tell(action: str, name: str, outcome: str, detail: str = "", role: str = "") -> None:
        # A name that nobody has may be a password in the wrong field: it is not written down.
        account = access.users.find(name)
        access.users.store.append(
            Entry(
                machine_now(),
                account.name if account else "",
                role,
                action,
                uuid.uuid4().hex,
                outcome,
                detail=detail or ("" if account else "unknown name"),
                address=access.address(request),
            )
        )

    def page(
        t: Texts, onwards: str, *, status: int = 200, name: str = "", problems: tuple[str, ...] = ()
    ) -> Response:
        bound = request.cookies.get(form_cookie) or secrets.token_urlsafe(24)
        answer = drawn(
            "login.html",
            t,
            LOGIN_PATH,
            {"next": onwards} if onwards != "/" else {},
            status=status,
            problems=problems,
            form=signed(key, bound),
            next=onwards,
            name=name,
            nobody=status == 200 and not access.users.all(),
        )
        put_cookie(answer, access, form_cookie, bound, timedelta(hours=12), "Strict")
        return answer


def logout_form(access: Access, key: bytes) -> str | None:
    """What signs the logout of whoever asks now; None where there is nothing to log out of."""
    token = request.cookies.get(access.cookie)
    return signed(key, token) if access.mode is Login.USERS and token else None


def safe_next(asked: str) -> str:
    """Where to go after the login: a path of ours, else the first page."""
    try:
        parts = urlsplit(asked) if asked.isprintable() and "\\" not in asked else None
    except ValueError:
        return "/"
    ours = (
        parts is not None
        and not parts.scheme
        and not parts.netloc
        and asked.startswith("/")
        and not asked.startswith("//")
        and parts.path not in (LOGIN_PATH, LOGOUT_PATH)
        and len(asked) <= LONGEST_NEXT
    )
    return asked if ours else "/"


def _insecure(access: Access) -> tuple[str, ...]:
    """Why this browser will keep no login, where it came without TLS."""
    proto = request.headers.get("X-Forwarded-Proto", request.scheme)
    if access.is_https and proto != "https" and request.host.split(":")[0] != "localhost":
        return (asked_texts()("login.insecure"),)
    return ()


def _to(path: str) -> Response:
    return redirect(path, 303)  # type: ignore[return-value]
