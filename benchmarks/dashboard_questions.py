"""What readers ask of the dashboard: every section and table of every page, with random ranges up
to a year and random filters, asked of the server as the browser does."""

import http.client
import itertools
import json
import random
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import dashboard.pages
from dashboard.sections import Page
from nkdash.discovery import offers
from nkdash.warehouse.snapshot import open_snapshot

HEADERS = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
PROBLEM = b"message problem"
LENGTHS = (1, 7, 30, 30, 90, 365)
COMPARISONS = ("", "", "week", "year", "none")
CHANCES = {"": 40, "store": 25, "category": 8, "brand": 8}
"""How often a question has no filter, and one of these; what is left is spread over the others."""

_IDS = {
    "store": "SELECT pos_config_id FROM agg_sales_daily WHERE pos_config_id IS NOT NULL",
    "category": "SELECT category_id FROM agg_sales_category_daily USING SAMPLE 2000",
    "brand": "SELECT brand_id FROM dim_products",
    "principal": "SELECT principal_id FROM dim_products",
    "vendor": "SELECT vendor_id FROM fact_purchases",
    "cashier": "SELECT cashier_id FROM fact_transactions USING SAMPLE 20000",
    "method": "SELECT payment_method_id FROM fact_payments USING SAMPLE 20000",
    # Not one by one: those that are sold, the bestsellers more often.
    "product": "SELECT product_id FROM fact_sales USING SAMPLE 2000",
    "customer": "SELECT customer_id FROM fact_transactions USING SAMPLE 4000",
    "salesperson": "SELECT salesperson_id FROM fact_invoice_sales",
}


@dataclass(frozen=True)
class Question:
    """One callback: a section, or a block of a table by one of its columns (``sort``)."""

    page: str
    name: str
    path: str
    search: str
    table: str = ""
    sort: str = ""


@dataclass
class Asker:
    """Draws questions; each is another one, so that no answer to it is cached."""

    pages: tuple[Page, ...]
    ids: Mapping[str, list[int]]
    first: date
    last: date
    draw: random.Random

    def sections(self) -> Iterator[tuple[Page, str, str]]:
        """Page, tab and name of every section that the server draws from the warehouse."""
        for page in self.pages:
            for tab, sections in page.tabs.items():
                for section in sections:
                    yield page, tab, section.name

    def section_questions(self) -> Iterator[Question]:
        """Questions to every section in turn, for ever."""
        for page, tab, name in itertools.cycle([*self.sections()]):
            yield Question(page.name, name, page.path, self.search(page, tab))

    def changes(self, often: Collection[str]) -> Iterator[list[Question]]:
        """What a browser asks at once when a reader changes something: every section of a tab.
        Half of it is on the pages that are seen ``often``.
        """
        tabs = [(page, tab) for page in self.pages for tab, found in page.tabs.items() if found]
        usual = [place for place in tabs if place[0].name in often]
        while True:
            page, tab = self.draw.choice(self.draw.choice((usual, tabs)))
            search = self.search(page, tab)
            yield [Question(page.name, s.name, page.path, search) for s in page.tabs[tab]]

    def grid_questions(self) -> Iterator[Question]:
        """Blocks of every table by every column, somewhere in its first thousand rows."""
        for page in itertools.cycle([page for page in self.pages if page.tables]):
            for tab, table in page.tables.items():
                column = self.draw.choice(table.columns).name
                sort = self.draw.choice(("", "-")) + column
                search = self.search(page, tab)
                yield Question(
                    page.name, f"{table.name} table", page.path, search, table.name, sort
                )

    def period(self, days: int | None = None) -> str:
        """A range of ``days``, or of any length up to a year."""
        length = days or self.draw.choice((*LENGTHS, self.draw.randint(1, 365)))
        span = (self.last - self.first).days + 1
        end = self.last - timedelta(self.draw.randint(0, max(0, span - 2 * length - 1)))
        return f"{end - timedelta(length - 1)}..{end}"

    def search(self, page: Page, tab: str, days: int | None = None) -> str:
        """A random state of a tab of a page, as its URL has it."""
        values = {"range": self.period(days), "compare": self.draw.choice(COMPARISONS)}
        known = [name for name in page.filters if self.ids.get(name)]
        rest = [name for name in known if name not in CHANCES]
        chances = {name: share for name, share in CHANCES.items() if not name or name in known}
        left = 100 - sum(CHANCES.values())
        chances |= {name: left / len(rest) for name in rest}
        chosen = self.draw.choices([*chances], [*chances.values()])[0]
        if chosen:
            values[chosen] = str(self.draw.choice(self.ids[chosen]))
        if tab != next(iter(page.tabs)):
            values["tab"] = tab
        return "?" + "&".join(f"{k}={quote(v, safe='.,-')}" for k, v in values.items() if v)


def all_pages() -> tuple[Page, ...]:
    """The dashboard's pages in their order."""
    return tuple(
        sorted((make() for make in offers(dashboard.pages, "page")), key=lambda p: p.order)
    )


def asker(warehouse: Path, seed: int = 5) -> Asker:
    """Questions about the version in the file ``warehouse``."""
    with closing(open_snapshot(warehouse)) as connection:
        ids = {
            name: [
                found
                for (found,) in connection.execute(
                    f"SELECT * FROM ({sql}) AS t(id) WHERE id IS NOT NULL"
                    + (" GROUP BY id" if "SAMPLE" not in sql else "")
                ).fetchall()
            ]
            for name, sql in _IDS.items()
        }
        [span] = connection.execute("SELECT min(date), max(date) FROM agg_sales_daily").fetchall()
    return Asker(all_pages(), ids, *span, random.Random(seed))


class Client(Protocol):
    """Sends one callback."""

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        ...


class Http:
    """A reader's browser: one kept connection to the server."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def post(self, body: bytes) -> tuple[int, bytes]:
        """See Client."""
        return self._answer("POST", "/_dash-update-component", body, HEADERS)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of a path."""
        return self._answer("GET", path, None, headers or {})

    def _answer(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        try:
            self._connection.request(method, path, body, dict(headers))
            answer = self._connection.getresponse()
        except ConnectionError:
            # The server hangs up on who is silent for some seconds; browsers just call again.
            self._connection.close()
            self._connection.request(method, path, body, dict(headers))
            answer = self._connection.getresponse()
        return answer.status, answer.read()


class Inside:
    """The app in this process, without a network."""

    def __init__(self, app: Any) -> None:
        self._client = app.server.test_client()

    def post(self, body: bytes) -> tuple[int, bytes]:
        """See Client."""
        answer = self._client.post("/_dash-update-component", data=body, headers=HEADERS)
        return answer.status_code, answer.get_data()

    def get(self, path: str) -> bytes:
        """The body of a path."""
        body: bytes = self._client.get(path).get_data()
        return body


class Callbacks:
    """How each output is asked for, as the app itself says."""

    def __init__(self, dependencies: bytes) -> None:
        self._known = {entry["output"]: entry for entry in json.loads(dependencies)}
        self._request = itertools.count()

    def body(self, asked: Question) -> bytes:
        """The request of a question."""
        output = "grid.getRowsResponse" if asked.table else f"{asked.name}.children"
        entry = self._known[output]
        frame = {"type": "grid-frame", "table": asked.table}
        sort = {"colId": asked.sort.lstrip("-"), "sort": "desc" if asked.sort[:1] == "-" else "asc"}
        values = {
            "url.search": asked.search,
            "url.pathname": asked.path,
            "version.data": 1,
            "grid.getRowsRequest": {
                "startRow": 100 * (next(self._request) % 10),
                "endRow": 100 * (next(self._request) % 10) + 100,
                "sortModel": [sort],
                "filterModel": {},
            },
        }

        def told(dependency: Mapping[str, str]) -> Any:
            if dependency["id"].startswith("{"):
                return [{"id": frame, "property": "id", "value": frame}]
            key = f"{dependency['id']}.{dependency['property']}"
            return {**dependency, "value": values.get(key)}

        name, _, prop = output.rpartition(".")
        first = entry["inputs"][0]
        return json.dumps(
            {
                "output": output,
                "outputs": {"id": name, "property": prop},
                "inputs": [told(one) for one in entry["inputs"]],
                "state": [told(one) for one in entry.get("state", [])],
                "changedPropIds": [f"{first['id']}.{first['property']}"],
            }
        ).encode()

    def knows(self, asked: Question) -> bool:
        """Whether the app has such a callback; a page that draws itself has others."""
        return bool(asked.table) or f"{asked.name}.children" in self._known


class Shared:
    """One stream of questions for several threads."""

    def __init__(self, questions: Iterator[Question]) -> None:
        self._questions = questions
        self._lock = threading.Lock()

    def __next__(self) -> Question:
        with self._lock:
            return next(self._questions)
