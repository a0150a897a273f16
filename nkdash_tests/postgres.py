"""A real Postgres of a test's own: Debian's, in a temporary folder, on a free port of loopback."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

WAIT_SECONDS = 30.0
PASSWORD = "p%40ss-word"  # as it stands in an address, quoted


def need(*programs: str) -> None:
    """Skip the test, loudly, where a program is missing; in CI that is a failure."""
    missing = [name for name in programs if program(name) is None]
    if missing:
        words = (
            f"{', '.join(missing)} missing: NOT tested (apt install postgresql caddy redis-server)"
        )
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)


def program(name: str) -> str | None:
    """Where a program lies; Debian keeps those of Postgres off the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, versions), os.environ["PATH"]]))


@contextmanager
def cluster() -> Iterator[Path]:
    """An empty database cluster: user and database ``nkdash``, login by password from loopback.

    It belongs to a user that is not root, since Postgres refuses root.
    """
    need("initdb", "postgres", "pg_isready")
    folder = Path(tempfile.mkdtemp(prefix="nkdash-pg-"))
    try:
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        password = folder / "password"
        password.write_text(PASSWORD.replace("%40", "@"))
        password.chmod(0o644)
        data = folder / "data"
        options = ["-U", "nkdash", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        initdb = [program("initdb") or "", "-D", str(data), *options]
        subprocess.run(as_postgres(initdb), check=True, capture_output=True, cwd="/")
        with (data / "postgresql.conf").open("a") as conf:
            conf.write("listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")
        yield data
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_postgres(argv: Sequence[str]) -> list[str]:
    """The command, run by a user that Postgres accepts."""
    if os.geteuid() != 0:
        return [*argv]
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *argv]


def create_database(port: int, name: str) -> None:
    """What the container's entry point does on its first start."""
    _psql(port, f"CREATE DATABASE {name}")


def _psql(port: int, sql: str) -> None:
    environment = {**os.environ, "PGPASSWORD": PASSWORD.replace("%40", "@")}
    argv = [program("psql") or "psql", "-h", "127.0.0.1", "-p", str(port), "-U", "nkdash"]
    argv += ["-d", "postgres", "-qc", sql]
    subprocess.run(argv, check=True, env=environment, capture_output=True, timeout=30)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def address(port: int, name: str = "nkdash") -> str:
    """The URL of a database."""
    return f"postgresql://nkdash:{PASSWORD}@127.0.0.1:{port}/{name}"


@contextmanager
def server() -> Iterator[str]:
    """A running Postgres with an empty database; its URL."""
    with cluster() as data:
        port = free_port()
        argv = [program("postgres") or "", "-D", str(data), "-p", str(port)]
        log = (data.parent / "log").open("wb")
        with log, subprocess.Popen(as_postgres(argv), stdout=log, stderr=log, cwd="/") as process:
            try:
                _wait(port)
                create_database(port, "nkdash")
                yield address(port)
            finally:
                # Does not wait for connections to be closed.
                process.send_signal(signal.SIGINT)
                process.wait(WAIT_SECONDS)


def _wait(port: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    ready = [program("pg_isready") or "", "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready, check=False).returncode:
        assert time.monotonic() < deadline, "Postgres did not come up"
        time.sleep(0.1)
