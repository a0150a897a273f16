"""docker-compose.yml run without Docker: the very same commands, as processes of this machine.

Command, environment, start order and health check of every service are read from the file, and the
image's own environment and entry point from the Dockerfile. Only what a container would have given
is replaced: host names, ports and folders.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from nkdash.home import PROJECT
from nkdash_tests import postgres

PORTS = ("5432", "4000", "3000", "8050", "8080", "8443", "8081", "9105")
POLL_SECONDS = 0.2
STOP_SECONDS = 10.0


def compose() -> dict[str, Any]:
    """docker-compose.yml."""
    read: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    return read


def image() -> tuple[dict[str, str], list[str]]:
    """ENV and ENTRYPOINT of the image that NKDash's services share."""
    lines = (PROJECT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    given = " ".join(line.removeprefix("ENV ") for line in lines if line.startswith("ENV "))
    entry = next(line for line in lines if line.startswith("ENTRYPOINT "))
    return (
        dict(pair.split("=", 1) for pair in given.split()),
        json.loads(entry.removeprefix("ENTRYPOINT ")),
    )


@dataclass
class Service:
    """A service as a process."""

    name: str
    argv: list[str]
    environment: dict[str, str]
    health: list[str]
    after: list[str]


class Stack:
    """The services in a folder: ``data``, ``secrets``, ``dagster``, ``.env`` and logs lie there."""

    def __init__(self, folder: Path, cluster: Path) -> None:
        self.folder = folder
        self._cluster = cluster
        self.ports = {port: postgres.free_port() for port in PORTS}
        assert len(set(self.ports.values())) == len(PORTS)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.services = {name: self._service(name, s) for name, s in compose()["services"].items()}

    def local(self, text: str) -> str:
        """A word of the file with what a container gives replaced by what is here."""
        for old, new in (
            ("/run/secrets/", f"{self.folder}/secrets/"),
            ("/etc/caddy/", f"{PROJECT}/deploy/"),
            ("/etc/nkdash/", f"{PROJECT}/deploy/"),
            ("0.0.0.0", "127.0.0.1"),
            ("172.30.91.2", "127.0.0.1"),
        ):
            text = text.replace(old, new)
        text = re.sub(r"^(/data/|/state|/caddy)", rf"{self.folder}\1", text)
        text = re.sub(r"\$\{(\w+):-(.*?)\}", r"\2", text)
        text = re.sub(r"(^|//)(code|webserver|dashboard|health)(?=:\d)", r"\g<1>127.0.0.1", text)
        return re.sub(r"\b\d{4}\b", lambda m: str(self.ports.get(m[0], m[0])), text)

    def _service(self, name: str, read: Mapping[str, Any]) -> Service:
        ours = read["image"] == "nkdash"
        own, entry = image() if ours else ({}, [])
        own.pop("PATH", None)
        variables = {**own, **(dotenv_values(self.folder / ".env") if "env_file" in read else {})}
        variables |= read["environment"]
        if "NKDASH_CODE_HOST" in variables:
            variables["NKDASH_CODE_HOST"] = "127.0.0.1"
        if ours:
            variables["DAGSTER_HOME"] = f"{self.folder}{variables['DAGSTER_HOME']}"
        argv = [*entry, *read["command"]]
        health = list(read["healthcheck"]["test"][1:])
        if name == "postgres":
            variables |= {"PGDATA": str(self._cluster), "PGPORT": "5432"}
            health[0] = postgres.program(health[0]) or health[0]
            argv = postgres.as_postgres([postgres.program(argv[0]) or argv[0], *argv[1:]])
        return Service(
            name,
            [self.local(word) for word in argv],
            {key: self.local(str(value)) for key, value in variables.items()},
            [self.local(word) for word in health],
            [*read.get("depends_on", {})],
        )

    def _surroundings(self, service: Service) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        home = {"PATH": path, "HOME": str(self.folder), "PYTHONPATH": str(PROJECT)}
        return {**home, **service.environment}

    def start(self, name: str) -> None:
        """Start a service in a process group of its own; its output is added to its log."""
        service = self.services[name]
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                service.argv,
                env=self._surroundings(service),
                cwd="/" if name == "postgres" else self.folder / "work",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """Where a service's output goes."""
        return self.folder / f"{name}.log"

    def up(self, *names: str, seconds: float = 180) -> None:
        """Start services as soon as those they depend on are healthy; wait until all are."""
        waiting, healthy = [*names], {*self._running}
        deadline = time.monotonic() + seconds
        while waiting:
            for name in [n for n in waiting if {*self.services[n].after} <= healthy]:
                if name not in self._running:
                    self.start(name)
                if self.is_healthy(name):
                    waiting.remove(name)
                    healthy.add(name)
            assert time.monotonic() < deadline, "\n".join(
                f"{name} is not healthy\n{self.tail(name)}" for name in waiting
            )
            time.sleep(POLL_SECONDS)

    def is_healthy(self, name: str) -> bool:
        """What the service's own health check says now; fails where the service has ended."""
        service = self.services[name]
        code = self._running[name].poll()
        assert code is None, f"{name} ended with {code}\n{self.tail(name)}"
        return not subprocess.run(
            service.health,
            env=self._surroundings(service),
            cwd=self.folder / "work",
            capture_output=True,
            check=False,
            timeout=60,
        ).returncode

    def until(self, done: Callable[[], object], seconds: float, words: Callable[[], str]) -> None:
        """Ask again and again until ``done`` is true; fails with ``words`` after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, words()
            time.sleep(POLL_SECONDS)

    def tail(self, name: str, lines: int = 40) -> str:
        """The end of a service's log."""
        if not self.log(name).exists():
            return ""
        return "\n".join(self.log(name).read_text("utf-8", "replace").splitlines()[-lines:])

    def kill(self, name: str) -> None:
        """kill -9, of the service's own process alone."""
        self._running[name].kill()
        self._running.pop(name).wait(10)

    @property
    def running(self) -> list[str]:
        """The services that were started."""
        return [*self._running]

    def memory(self, name: str) -> int:
        """Resident bytes of the service and all that it started (proportional shares)."""
        group = self._running[name].pid
        return sum(
            _share(process) for process in Path("/proc").glob("[0-9]*") if _in(process, group)
        )

    def stop(self) -> None:
        """End every service, Postgres last; what has not ended after ten seconds by force."""
        last = self._running.pop("postgres", None)
        _end(list(reversed(self._running.values())), signal.SIGTERM)
        # Its image is stopped with SIGINT, which does not wait for connections to be closed.
        _end([last] if last else [], signal.SIGINT)


def _end(processes: list[subprocess.Popen[bytes]], number: int) -> None:
    for process in processes:
        _signal(process.pid, number)
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS / 4)
        _signal(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)


def _in(process: Path, group: int) -> bool:
    try:
        return int((process / "stat").read_text().rsplit(")", 1)[1].split()[3]) == group
    except OSError:
        return False


def _share(process: Path) -> int:
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", (process / "smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


@contextmanager
def stack(folder: Path, dotenv: Mapping[str, str], secrets: Mapping[str, str]) -> Iterator[Stack]:
    """A stack with settings and secrets in place and nothing started yet; all ends with the block.

    The secrets ``postgres_url`` and ``postgres_password`` are made here.
    """
    (folder / "secrets").mkdir()
    (folder / "work").mkdir()
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in dotenv.items()))
    with postgres.cluster() as cluster:
        services = Stack(folder, cluster)
        url = postgres.address(services.ports["5432"])
        for name, value in {**secrets, "postgres_url": url}.items():
            (folder / "secrets" / name).write_text(f"{value}\n")
        try:
            yield services
        finally:
            services.stop()
