"""The dashboard under load, against the targets of its design, with the naive variant in the run.

    python benchmarks/dashboard_load.py [LAKE] [--lines 10000000] [--only callbacks,browser,…]

``LAKE`` is a folder that holds a published lake; without one a demo lake is written, which is
deleted at the end. The server is the real one (``python -m dashboard``, gunicorn with two workers),
asked over HTTP as a browser asks; every question is another one, so that no answer comes out of a
cache. Pages, tabs and tables are found, not named: new ones are measured by themselves.

Parts: callbacks (1, 10 and 25 questions in flight all the time), people (10 and 25 who look at a
page before they change something), sections (each by itself), grids, naive, threads
(wrong rows), csv, browser (bytes, filter to paint), starts (blank pages). Memory is that after all.
"""

import argparse
import itertools
import json
import os
import queue
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dashboard_naive import Views
from dashboard_questions import (
    PROBLEM,
    Asker,
    Callbacks,
    Client,
    Http,
    Inside,
    Question,
    Shared,
    asker,
)
from playwright.sync_api import Browser, Page, sync_playwright

import dashboard.app
from dashboard.data.session import Cache
from nkdash.catalog import load_catalog
from nkdash.sandbox.demo_lake import Size, write
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse, publish
from nkdash.warehouse.versions import current

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
CHROMIUM += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
CORE = ("overview", "sales")
"""Pages with the short target; the others are the advanced ones."""
NAIVE_SECONDS, NAIVE_ADVANCED = 20, 15
LOOKING_SECONDS = 8.0
"""How long a person looks at a page on average; a browser has four questions in flight at most."""
BROWSER_CONNECTIONS = 4
PAINT_QUIET_MS = 350
_PAINT = """async ([search, quiet]) => {
    let last = performance.now();
    const start = last;
    const watch = new MutationObserver(() => { last = performance.now(); });
    watch.observe(document.getElementById("page"), {
        childList: true, subtree: true, attributes: true, characterData: true,
    });
    history.pushState({}, "", location.pathname + search);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    const busy = () => document.querySelector("#page [data-dash-is-loading]")
        || document.title.startsWith("Updating");
    while (busy() || performance.now() - last < quiet) {
        await new Promise((done) => setTimeout(done, 25));
        if (performance.now() - start > 30000) break;
    }
    watch.disconnect();
    return last - start;
}"""


@dataclass(frozen=True)
class Line:
    """A line of the report; ``limit`` and ``measured`` in the unit that they are told in."""

    what: str
    limit: str
    measured: str
    kept: bool | None
    ratio: str = ""


@dataclass
class Bench:
    """What every part works with."""

    settings: Settings
    warehouse: Path
    environment: dict[str, str]
    rounds: int
    lines: list[Line]
    faults: dict[str, str]

    def asker(self, seed: int) -> Asker:
        """A fresh stream of questions."""
        return asker(self.warehouse, seed)

    def limit(self, what: str, limit: float, measured: float, unit: str, ratio: str = "") -> None:
        """Add a line whose figure is to be at most ``limit``."""
        told = f"{measured:,.1f} {unit}" if measured < 10 else f"{measured:,.0f} {unit}"
        self.lines.append(Line(what, f"{limit:g} {unit}", told, measured <= limit, ratio))

    def ask(self, client: Client, callbacks: Callbacks, asked: Question) -> float:
        """Seconds that an answer takes; an answer that is no figure is a fault."""
        body = callbacks.body(asked)
        started = time.perf_counter()
        status, answer = client.post(body)
        seconds = time.perf_counter() - started
        if status not in (200, 204) or PROBLEM in answer:
            self.faults[f"{asked.name} {asked.path}{asked.search}"] = f"{status} {answer[-300:]!r}"
        return seconds


class Uncached(Cache):
    """Keeps what a version is once made of, and no answer to a question."""

    def get(self, version: int, key: Any) -> Any:
        """What is kept, but for questions."""
        is_question = isinstance(key, tuple) and isinstance(key[-1], tuple)
        return None if is_question else super().get(version, key)


def percentile(seconds: Sequence[float], share: float) -> float:
    """A percentile in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def told(name: str, seconds: Sequence[float]) -> None:
    """Print median, 95th percentile and longest."""
    if seconds:
        p50, p95 = percentile(seconds, 0.5), percentile(seconds, 0.95)
        longest = max(seconds) * 1000
        print(
            f"  {name:44} p50 {p50:7.1f}   p95 {p95:7.1f}   max {longest:7.1f} ms  {len(seconds)}"
        )


@contextmanager
def served(environment: dict[str, str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The dashboard as it runs: its port and its master process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    own = {**os.environ, **environment, "NKDASH_DASHBOARD_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard"], env=own, stdout=subprocess.DEVNULL
    )
    try:
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def wait_for(port: int, seconds: float = 60) -> None:
    """Return once the server listens."""
    until = time.monotonic() + seconds
    while True:
        try:
            Http(port).get("/healthz")
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def callbacks_of(port: int) -> Callbacks:
    """How the server wants to be asked."""
    return Callbacks(Http(port).get("/_dash-dependencies")[1])


def under_load(
    bench: Bench,
    port: int,
    callbacks: Callbacks,
    asked: Iterator[Question],
    readers: int,
    each: int,
) -> list[tuple[Question, float]]:
    """What ``readers`` at once wait for, each asking ``each`` questions one after the other."""
    stream = Shared(asked)

    def one(_: int) -> list[tuple[Question, float]]:
        client = Http(port)
        questions = [next(stream) for _ in range(each)]
        return [(q, bench.ask(client, callbacks, q)) for q in questions]

    with ThreadPoolExecutor(readers) as pool:
        return [found for part in pool.map(one, range(readers)) for found in part]


def measure_callbacks(bench: Bench, port: int) -> None:
    """1, 10 and 25 readers at once."""
    callbacks = callbacks_of(port)

    def stream(core: bool, seed: int) -> Iterator[Question]:
        return (
            q
            for q in bench.asker(seed).section_questions()
            if (q.page in CORE) == core and callbacks.knows(q)
        )

    under_load(bench, port, callbacks, stream(True, 1), 4, 15)
    for readers, limit in ((1, 20), (10, 100), (25, 150)):
        each = max(8, bench.rounds // readers)
        found = under_load(bench, port, callbacks, stream(True, 10 + readers), readers, each)
        seconds = [s for _, s in found]
        told(f"{readers} readers, {' and '.join(CORE)}", seconds)
        p50, p95 = percentile(seconds, 0.5), percentile(seconds, 0.95)
        bench.limit(f"callback p95, {readers} at once (p50 {p50:.0f} ms)", limit, p95, "ms")
    if not any(p.name not in CORE and not p.own for p in bench.asker(0).pages):
        return
    found = under_load(bench, port, callbacks, stream(False, 2), 1, bench.rounds)
    seconds = [s for _, s in found]
    told("1 reader, advanced pages", seconds)
    bench.limit("advanced pages, callback p95", 300, percentile(seconds, 0.95), "ms")


def measure_people(bench: Bench, port: int) -> None:
    """10 and 25 people at once: each changes something, the browser asks for all sections of the
    page, and they look at it for a while.
    """
    callbacks = callbacks_of(port)
    everybody = bench.asker(10)

    def person(number: int) -> list[tuple[Question, float]]:
        questions = replace(everybody, draw=random.Random(number))
        connections: queue.SimpleQueue[Http] = queue.SimpleQueue()
        for _ in range(BROWSER_CONNECTIONS):
            connections.put(Http(port))

        def ask(asked: Question) -> tuple[Question, float]:
            client = connections.get()
            seconds = bench.ask(client, callbacks, asked)
            connections.put(client)
            return asked, seconds

        found: list[tuple[Question, float]] = []
        with ThreadPoolExecutor(BROWSER_CONNECTIONS) as browser:
            for asked in itertools.islice(questions.changes(CORE), bench.rounds // 50):
                time.sleep(questions.draw.expovariate(1 / LOOKING_SECONDS))
                found += browser.map(ask, (q for q in asked if callbacks.knows(q)))
        return found

    for people, limit in ((10, 100), (25, 150)):
        with ThreadPoolExecutor(people) as pool:
            found = [one for each in pool.map(person, range(people)) for one in each]
        core = [seconds for asked, seconds in found if asked.page in CORE]
        others = [seconds for asked, seconds in found if asked.page not in CORE]
        told(f"{people} people, {' and '.join(CORE)}", core)
        told(f"{people} people, the other pages", others)
        bench.limit(f"callback p95, {people} people", limit, percentile(core, 0.95), "ms")


def measure_sections(bench: Bench, port: int) -> None:
    """Every section and table by itself, one reader."""
    callbacks = callbacks_of(port)
    client = Http(port)
    questions = bench.asker(3)
    found: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    many = len([*questions.sections()])
    for asked in itertools.islice(questions.section_questions(), many * 25):
        if callbacks.knows(asked):
            seconds = bench.ask(client, callbacks, asked)
            found[asked.page, asked.name].append((seconds, asked.search))
    for (page, name), each in found.items():
        told(f"{page}: {name}", [seconds for seconds, _ in each])
        slowest, search = max(each)
        if slowest > 0.05:
            print(f"      slowest: {search}")


def measure_grids(bench: Bench, port: int) -> None:
    """A block of 100 rows of every table, by any column."""
    callbacks = callbacks_of(port)
    client = Http(port)
    questions = bench.asker(4)
    tables = sum(len(page.tables) for page in questions.pages)
    found: dict[str, list[tuple[float, Question]]] = defaultdict(list)
    for asked in itertools.islice(questions.grid_questions(), tables * 20):
        found[asked.name].append((bench.ask(client, callbacks, asked), asked))
    for name, each in found.items():
        told(name, [seconds for seconds, _ in each])
        _, asked = max(each, key=lambda one: one[0])
        print(f"      slowest: by {asked.sort} {asked.search}")
    seconds = [s for each in found.values() for s, _ in each]
    bench.limit("a grid block by any column, p95", 150, percentile(seconds, 0.95), "ms")


def in_process(settings: Settings, reader: Any) -> Inside:
    """The app in this process with no answer cached."""
    dashboard.app.Cache = Uncached  # type: ignore[misc]
    app = dashboard.app.create_app(settings, reader)
    return Inside(app)


def measure_naive(bench: Bench) -> None:
    """The same questions of tables and of views over Parquet, one after the other, in turn; what
    takes the views too long is ended and counts as so long."""
    warehouse = Warehouse(bench.settings.warehouse_dir)
    views = Views(bench.settings, bench.warehouse)
    ours, theirs = in_process(bench.settings, warehouse), in_process(bench.settings, views)
    callbacks = Callbacks(ours.get("/_dash-dependencies"))
    questions = bench.asker(6)
    every = itertools.islice(questions.section_questions(), len([*questions.sections()]))
    known = [asked for asked in every if callbacks.knows(asked)]
    # What a version is once made of (names, what is loaded) is no question.
    for client in (ours, theirs):
        bench.ask(client, callbacks, known[0])
    core = [asked for asked in known if asked.page in CORE]
    advanced = [asked for asked in known if asked.page not in CORE]
    ratios: dict[str, list[float]] = defaultdict(list)
    slow: list[float] = []
    waits: list[float] = []
    for asked in (*core, *questions.draw.sample(advanced, min(len(advanced), NAIVE_ADVANCED))):
        quick = bench.ask(ours, callbacks, asked)
        faults = len(bench.faults)
        timer = threading.Timer(NAIVE_SECONDS, views.interrupt)
        timer.start()
        taken = bench.ask(theirs, callbacks, asked)
        timer.cancel()
        if len(bench.faults) > faults:
            # Interrupted: it takes at least so long.
            bench.faults.popitem()
        slow.append(taken)
        waits.append(quick)
        ratios["core" if asked.page in CORE else "advanced"].append(taken / quick)
    views.close()
    warehouse.close()
    told("tables, as published", waits)
    told("naive: views over Parquet", slow)
    for kind, each in ratios.items():
        print(f"  {kind}: median {statistics.median(each):.0f} x, most {max(each):.0f} x")
    whole = f"x {statistics.median(s for e in ratios.values() for s in e):.0f}"
    bench.lines.append(Line("naive variant, same questions, median ratio", "", whole, None, whole))


def measure_threads(bench: Bench, each: int, threads: int = 8) -> None:
    """Answers of many threads, nothing cached, against those of one."""
    warehouse = Warehouse(bench.settings.warehouse_dir, poll_seconds=0)
    client = in_process(bench.settings, warehouse)
    callbacks = Callbacks(client.get("/_dash-dependencies"))
    stream = (q for q in bench.asker(7).section_questions() if callbacks.knows(q))
    bodies = [callbacks.body(q) for q in itertools.islice(stream, 300)]
    right = {body: client.post(body)[1] for body in bodies}

    def one(number: int) -> int:
        drawn = random.Random(number)
        wrong = 0
        for body in drawn.choices(bodies, k=each):
            wrong += client.post(body)[1] != right[body]
        return wrong

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        wrong = sum(pool.map(one, range(threads)))
    print(f"  {threads} x {each} questions in {time.perf_counter() - started:.0f} s, {wrong} wrong")
    warehouse.close()
    bench.limit(f"wrong answers, {threads} threads x {each:,}", 0, wrong, "")


def measure_csv(bench: Bench, port: int) -> None:
    """The export of about 100,000 rows of the table with the most."""
    questions = bench.asker(8)
    best: tuple[float, int, str] | None = None
    for page in questions.pages:
        for table in page.tables.values():
            days = 36
            first = questions.last - timedelta(days - 1)
            path = f"/export/{table.name}.csv?range={first}..{questions.last}"
            started = time.perf_counter()
            status, body = Http(port).get(path, {"Accept-Encoding": "gzip"})
            seconds = time.perf_counter() - started
            if status == 200:
                _, plain = Http(port).get(path, {"Accept-Encoding": "identity"})
                rows = plain.count(b"\n") - 1
                print(f"  {table.name}: {rows:,} rows in {seconds:.2f} s, {len(body):,} bytes")
                if best is None or rows > best[1]:
                    best = (seconds, rows, table.name)
    if best:
        seconds, rows, name = best
        bench.limit(f"CSV of 100,000 rows ({name}, {rows:,})", 0.5, seconds * 100_000 / rows, "s")


def _bytes(page: Page, act: Callable[[], object]) -> int:
    """Bytes that came over the wire while ``act`` ran and the page settled."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    total = 0

    def count(event: dict[str, Any]) -> None:
        nonlocal total
        total += int(event["encodedDataLength"])

    session.on("Network.loadingFinished", count)
    act()
    page.wait_for_load_state("networkidle")
    session.detach()
    return total


def measure_browser(bench: Bench, port: int, browser: Browser) -> None:
    """Bytes of a first load and a reload; from a filter's change to all tiles painted."""
    address = f"http://127.0.0.1:{port}"
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    first = _bytes(page, lambda: page.goto(address))
    again = _bytes(page, page.reload)
    bench.limit("first load on the wire", 1.8, first / 1e6, "MB")
    bench.limit("reload on the wire", 50, again / 1e3, "KB")
    questions = bench.asker(9)
    core: list[float] = []
    advanced: list[float] = []
    for place in questions.pages:
        if place.own:
            continue
        for tab in place.tabs:
            page.goto(address + place.path + questions.search(place, tab, 30))
            page.wait_for_load_state("networkidle")
            found = [
                page.evaluate(_PAINT, [questions.search(place, tab), PAINT_QUIET_MS]) / 1000
                for _ in range(6)
            ]
            told(f"paint: {place.name} {tab}", found)
            (core if place.name in CORE else advanced).extend(found)
    context.close()
    bench.limit("filter to all tiles painted, p95", 500, percentile(core, 0.95), "ms")
    if advanced:
        p95 = percentile(advanced, 0.95)
        bench.limit("the same on advanced pages, p95", 500, p95, "ms")


def measure_starts(bench: Bench, browser: Browser, many: int) -> None:
    """A browser that comes as soon as the server listens, and what it sees."""
    blank = 0
    waits = []
    for _ in range(many):
        with served(bench.environment) as (port, _process):
            started = time.perf_counter()
            wait_for(port)
            waits.append(time.perf_counter() - started)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}")
            try:
                page.wait_for_selector("#page .section *:not(.skeleton)", timeout=15_000)
            except Exception:
                blank += 1
            page.close()
    told("from start to answer", waits)
    bench.limit(f"blank pages in {many} cold starts", 0, blank, "")


def memory(process: subprocess.Popen[bytes]) -> list[float]:
    """Proportional set size of each worker in MB."""
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = []
    for worker in workers:
        text = Path(f"/proc/{worker}/smaps_rollup").read_text()
        pss = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
        found.append(int(pss.group(1)) / 1000 if pss else 0.0)
    return found


def prepared(options: argparse.Namespace, folder: str) -> Bench:
    """The lake, published, and the settings of the run."""
    lake = options.lake or Path(folder) / "lake"
    settings = Settings(_env_file=None, data_lake_root=lake)
    if not options.lake:
        started = time.perf_counter()
        catalog = load_catalog(settings)
        write(settings, catalog, Size(lines=options.lines))
        print(f"lake written in {time.perf_counter() - started:.0f} s")
        result = publish(settings, catalog)
        print(f"published in {result.seconds:.0f} s")
    published = current(settings.warehouse_dir)
    if published is None:
        raise SystemExit(f"{lake} holds no published warehouse: nkdash publish")
    # The morning after its last day, whatever the machine's clock says.
    last = asker(published.path).last
    now = datetime(last.year, last.month, last.day, 3, tzinfo=UTC) + timedelta(days=1)
    settings = settings.model_copy(
        update={"nkdash_now": now, "nkdash_state_dir": Path(folder) / "state"}
    )
    environment = {
        "DATA_LAKE_ROOT": str(lake),
        "NKDASH_NOW": now.isoformat(),
        "NKDASH_STATE_DIR": str(settings.state_dir),
        "NKDASH_LOGIN": "off",
    }
    size = published.path.stat().st_size
    print(f"warehouse version {published.version}, {size / 1e6:,.0f} MB, last day {last}")
    return Bench(settings, published.path, environment, options.rounds, [], {})


def run(bench: Bench, options: argparse.Namespace) -> None:
    """Measure the parts that are asked for."""
    parts = set(options.only.split(","))
    with served(bench.environment) as (port, process):
        wait_for(port)
        for name, part in (
            ("callbacks", measure_callbacks),
            ("people", measure_people),
            ("sections", measure_sections),
            ("grids", measure_grids),
            ("csv", measure_csv),
        ):
            if name in parts:
                print(name)
                part(bench, port)
        if "browser" in parts:
            print("browser")
            with sync_playwright() as playwright:
                path = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None
                with playwright.chromium.launch(executable_path=path, args=CHROMIUM) as browser:
                    measure_browser(bench, port, browser)
        for each in memory(process) if parts & {*SERVED} else []:
            bench.limit("memory of a worker (PSS) after that", 500, each, "MB")
    if "naive" in parts:
        print("naive")
        measure_naive(bench)
    if "threads" in parts:
        print("threads")
        measure_threads(bench, options.questions)
    if "starts" in parts:
        print("starts")
        with sync_playwright() as playwright:
            path = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else None
            with playwright.chromium.launch(executable_path=path, args=CHROMIUM) as browser:
                measure_starts(bench, browser, options.starts)


SERVED = ("callbacks", "people", "sections", "grids", "csv", "browser")
PARTS = (*SERVED, "naive", "threads", "starts")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", nargs="?", type=Path)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=400, help="questions a measurement")
    parser.add_argument("--starts", type=int, default=50)
    parser.add_argument("--questions", type=int, default=1_000, help="of each of 8 threads")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} before the run")
    with tempfile.TemporaryDirectory() as folder:
        bench = prepared(options, folder)
        run(bench, options)
    print()
    for line in bench.lines:
        verdict = "" if line.kept is None else "ok" if line.kept else "MISSED"
        print(f"{line.what:56} {line.limit:>9} {line.measured:>12}  {verdict}")
    if bench.faults:
        print(f"\n{len(bench.faults)} answers were none:")
        for asked, answer in [*bench.faults.items()][:20]:
            print(f"  {asked}\n    {answer}")
    print(json.dumps({line.what: line.measured for line in bench.lines}))


if __name__ == "__main__":
    main()
