"""Pages that the server draws by itself, around one form: the login and the reader's account."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from flask import Response, make_response, render_template, request

from dashboard import tokens
from dashboard.access import Access
from dashboard.i18n import LANGUAGES, Texts, texts
from dashboard.scheme import FONT_FILE, SCHEME_SCRIPT
from dashboard.users import LockedError

YEAR = timedelta(days=365)


def drawn(
    template: str,
    t: Texts,
    path: str,
    query: Mapping[str, str],
    *,
    status: int = 200,
    problems: tuple[str, ...] = (),
    **values: object,
) -> Response:
    """A page of ``template``; ``path`` and ``query`` are where it is had in the other language."""
    other = next(code for code in LANGUAGES if code != t.language)
    body = render_template(
        template,
        t=t,
        font=FONT_FILE,
        variables=tokens.css_variables(),
        scheme=SCHEME_SCRIPT,
        problems=problems,
        other=other,
        other_name=LANGUAGES[other],
        other_href=f"{path}?{urlencode({'lang': other, **query})}",
        **values,
    )
    answer = make_response(body, status)
    if request.args.get("lang") in LANGUAGES:
        # The page's own scripts change this one too.
        answer.set_cookie("nkdash_lang", t.language, max_age=YEAR, samesite="Lax")
    return answer


def asked_texts() -> Texts:
    """The texts of the language that the link asks for, else the cookie."""
    asked = request.args.get("lang", "")
    return texts(asked if asked in LANGUAGES else request.cookies.get("nkdash_lang", ""))


def put_cookie(
    answer: Response, access: Access, name: str, value: str, longest: timedelta, same_site: str
) -> None:
    """Set a cookie that scripts cannot read, and that by https goes nowhere else."""
    answer.set_cookie(
        name,
        value,
        max_age=longest,
        secure=access.is_https,
        httponly=True,
        samesite=same_site,
    )


def put_session(answer: Response, access: Access, name: str) -> None:
    """Begin a session of a user, and give its cookie. Raises StoreError."""
    longest = timedelta(days=access.settings.nkdash_session_days)
    put_cookie(answer, access, access.cookie, access.users.begin(name), longest, "Lax")


def locked(t: Texts, error: LockedError) -> str:
    """How long nobody can try, in words."""
    return t("login.locked", minutes=max(1, -(-int(error.wait.total_seconds()) // 60)))


def retry_after(answer: Response, error: LockedError) -> Response:
    """The same, for programs."""
    answer.headers["Retry-After"] = str(int(error.wait.total_seconds()) + 1)
    return answer


def signed(key: bytes, bound: str) -> str:
    """A form's token, good only together with the cookie ``bound``."""
    return hmac.new(key, f"form:{bound}".encode(), hashlib.sha256).hexdigest()


def is_signed(key: bytes, bound: str, token: str) -> bool:
    """Whether ``token`` is that of the cookie ``bound``."""
    return hmac.compare_digest(signed(key, bound).encode(), token.encode())
