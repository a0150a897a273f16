"""Headers on every answer: what a page of ours may load and run, and who may frame or keep it."""

import base64
import hashlib
from collections.abc import Sequence

from flask import Flask, Response

from dashboard.scheme import SCHEME_SCRIPT

HSTS = "max-age=31536000"
# Mantine and the grid put <style> into the page; the grid has its icons as data.
POLICY = {
    "default-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def add_headers(server: Flask, script_hashes: Sequence[str], *, https: bool) -> None:
    """Put the headers on whatever ``server`` answers. ``script_hashes`` are of inline scripts."""
    sources = ("'self'", *(f"'{h.strip(chr(39))}'" for h in script_hashes))
    policy = policy_of({**POLICY, "script-src": " ".join(sources)})

    @server.after_request
    def headers(response: Response) -> Response:
        told = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            **({"Strict-Transport-Security": HSTS} if https else {}),
        }
        for name, value in told.items():
            response.headers.setdefault(name, value)
        # Figures stay in no cache: not in a proxy's, nor in the browser's after a logout.
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def policy_of(parts: dict[str, str]) -> str:
    """The header's text."""
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def script_hash(script: str) -> str:
    """How a policy names an inline script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"sha256-{digest}"


OWN_SCRIPTS = (script_hash(SCHEME_SCRIPT),)
