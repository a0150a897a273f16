import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from nkdash.odoo import OdooConnection
from nkdash_tests.odoo.stub import KEY

Connect = Callable[..., OdooConnection]


@pytest.fixture(scope="session")
def recorded() -> dict[str, Any]:
    """What real Odoo 17 and 19 answered: ``{"17": {"pairs": […], "fields_get": {…}}, "19": …}``."""
    path = Path(__file__).parent / "data" / "recorded.json.gz"
    loaded: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return loaded


@pytest.fixture(scope="session")
def connect() -> Connect:
    """Make a connection to loopback that never waits between attempts."""

    def make(port: int, **overrides: object) -> OdooConnection:
        values: dict[str, object] = {
            "host": "127.0.0.1",
            "port": port,
            "protocol": "jsonrpc",
            "db": "shop",
            "username": "demo",
            "api_key": SecretStr(KEY),
            "backoff_seconds": 0.0,
            "read_timeout": 5.0,
            "connect_timeout": 5.0,
        }
        return OdooConnection(**{**values, **overrides})  # type: ignore[arg-type]

    return make
