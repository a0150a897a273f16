"""The page of the reader's own account: who he is, another password, and the way out."""

import duckdb
from flask import Flask, Response, redirect, request

from dashboard.access import ACCOUNT_PATH, Access, User, current_user
from dashboard.data import dimensions
from dashboard.data.session import Data
from dashboard.forms import (
    asked_texts,
    drawn,
    is_signed,
    locked,
    put_session,
    retry_after,
    signed,
)
from dashboard.i18n import Texts
from dashboard.store import StoreError
from dashboard.users import LONGEST, SHORTEST, LockedError, PasswordError
from nkdash.warehouse import WarehouseError

CHANGED = "changed"


def add_account(server: Flask, access: Access, key: bytes, data: Data) -> None:
    """Serve /account to whoever is logged in. ``key`` signs its forms."""

    @server.get(ACCOUNT_PATH)
    def account() -> Response:
        return page(asked_texts(), done=CHANGED in request.args)

    @server.post(ACCOUNT_PATH)
    def change() -> Response:
        t, form = asked_texts(), request.form
        if not is_signed(key, request.cookies.get(access.cookie, ""), form.get("form", "")):
            return page(t, status=400, problem=t("login.stale"))
        if form.get("new", "") != form.get("again", ""):
            return page(t, status=400, problem=t("account.differ"))
        user, old, new = current_user(), form.get("old", ""), form.get("new", "")
        try:
            changed = access.users.change_password(user.name, old, new, access.address(request))
        except PasswordError as error:
            return page(t, status=400, problem=t(f"account.{error.key}", **_LENGTHS))
        except LockedError as error:
            return retry_after(page(t, status=429, problem=locked(t, error)), error)
        except StoreError as error:
            return page(t, status=503, problem=str(error))
        if changed is None:
            return page(t, status=400, problem=t("account.wrong"))
        answer: Response = redirect(f"{ACCOUNT_PATH}?{CHANGED}", 303)  # type: ignore[assignment]
        # The change has ended every session, this one too.
        put_session(answer, access, changed.name)
        return answer

    def page(t: Texts, *, status: int = 200, problem: str = "", done: bool = False) -> Response:
        user = current_user()
        return drawn(
            "account.html",
            t,
            ACCOUNT_PATH,
            {},
            status=status,
            problems=(problem,) if problem else (),
            form=signed(key, request.cookies.get(access.cookie, "")),
            user=user,
            stores=_stores(t, data, user),
            done=done,
            lengths=_LENGTHS,
        )


_LENGTHS = {"shortest": SHORTEST, "longest": LONGEST}


def _stores(t: Texts, data: Data, user: User) -> str:
    """The stores that the reader sees, by name where there is a warehouse that knows them."""
    if user.stores is None:
        return t("user.all_stores")
    try:
        with data.session() as session:
            names = session.once("dimensions", dimensions.load).names["store"]
    except (WarehouseError, duckdb.Error):
        names = {}
    return ", ".join(names.get(store, f"#{store}") for store in user.stores)
