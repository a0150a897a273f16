"""Slices of recorded Odoo 17 and 19 answers, and servers over them."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from nkdash.sandbox import SandboxServer, World, load_records, serve

DATA = Path(__file__).parent / "data" / "17"
DATA_19 = Path(__file__).parents[1] / "data" / "19"
KEY = "the-key"


class Client:
    """Calls a sandbox over HTTP as Odoo's callers do."""

    def __init__(self, server: SandboxServer, session: requests.Session) -> None:
        self.server = server
        self.session = session

    def post(
        self, body: Any, timeout: float = 10, content_type: str = "application/json"
    ) -> requests.Response:
        return self.session.post(
            f"{self.server.url}/jsonrpc",
            data=body if isinstance(body, bytes) else orjson.dumps(body),
            headers={"Content-Type": content_type},
            timeout=timeout,
        )

    def raw(
        self, model: str, method: str, *args: Any, timeout: float = 10, **kwargs: Any
    ) -> requests.Response:
        service = self.server.service
        params = {
            "service": "object",
            "method": "execute_kw",
            "args": [service.db, 2, service.api_key, model, method, list(args), kwargs],
        }
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 7}
        return self.post(body, timeout)

    def __call__(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        answer = self.raw(model, method, *args, **kwargs).json()
        assert "error" not in answer, answer["error"]["data"]["debug"]
        return answer["result"]

    def json2(
        self,
        path: str,
        body: Any = None,
        *,
        key: str | None = KEY,
        db: str | None = "nk19",
        content_type: str = "application/json",
    ) -> requests.Response:
        """A JSON-2 call; ``path`` as ``model/method``."""
        headers = {"Content-Type": content_type}
        if key is not None:
            headers["Authorization"] = f"bearer {key}"
        if db is not None:
            headers["X-Odoo-Database"] = db
        content = orjson.dumps({} if body is None else body)
        url = f"{self.server.url}/json/2/{path}"
        return self.session.post(url, data=content, headers=headers, timeout=10)

    def error(self, model: str, method: str, *args: Any, **kwargs: Any) -> tuple[str, str]:
        data = self.raw(model, method, *args, **kwargs).json()["error"]["data"]
        return data["name"], data["message"]


@pytest.fixture(scope="session")
def world() -> World:
    return load_records(DATA / "records")


@pytest.fixture(scope="session")
def recorded() -> "RecordedRows":
    return RecordedRows()


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    """A client of a server of its own, free to change records."""
    with (
        serve(world, db="nk17", username="admin", api_key=KEY) as server,
        requests.Session() as session,
    ):
        yield Client(server, session)


@pytest.fixture(scope="module")
def reader(world: World) -> Iterator[Client]:
    """A client for tests that change nothing, of one server for all of them."""
    with (
        serve(world, db="nk17", username="admin", api_key=KEY) as server,
        requests.Session() as session,
    ):
        yield Client(server, session)


@pytest.fixture(scope="session")
def world_19() -> World:
    return load_records(DATA_19 / "records")


@pytest.fixture(scope="module")
def reader_19(world_19: World) -> Iterator[Client]:
    """As ``reader``, of an Odoo 19."""
    with (
        serve(world_19, db="nk19", username="admin", api_key=KEY) as server,
        requests.Session() as session,
    ):
        yield Client(server, session)


@pytest.fixture
def client_19(world_19: World) -> Iterator[Client]:
    """As ``client``, of an Odoo 19."""
    with (
        serve(world_19, db="nk19", username="admin", api_key=KEY) as server,
        requests.Session() as session,
    ):
        yield Client(server, session)


class RecordedRows:
    """The recorded lines as they are, read without any of the sandbox's code."""

    def __init__(self, data: Path = DATA) -> None:
        self._data = data
        self._read: dict[str, list[dict[str, Any]]] = {}

    def __getitem__(self, model: str) -> list[dict[str, Any]]:
        if model not in self._read:
            packed = (self._data / "records" / f"{model}.jsonl.gz").read_bytes()
            lines = gzip.decompress(packed).splitlines()
            self._read[model] = [orjson.loads(line) for line in lines]
        return self._read[model]
