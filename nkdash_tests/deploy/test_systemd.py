"""The units and the Caddyfile for machines without Docker, checked by systemd and by Caddy."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nkdash.home import PROJECT
from nkdash_tests.deploy.stack import compose
from nkdash_tests.postgres import need

UNITS = PROJECT / "deploy" / "systemd"
NAMES = sorted(path.name for path in UNITS.glob("*.service"))


def installed(folder: Path) -> Path:
    """The units as an installation has them, but for this machine's Python."""
    units = folder / "units"
    shutil.copytree(UNITS, units)
    for unit in units.glob("*.service"):
        text = unit.read_text().replace("/opt/nkdash/bin/python", sys.executable)
        unit.write_text(text)
    debians = Path("/lib/systemd/system/caddy.service")
    if debians.exists():
        shutil.copy(debians, units)
    return units


def verify(units: Path, *names: str) -> str:
    """What `systemd-analyze verify` has to say; empty when all is well."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(units / name) for name in names)],
        env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    need("systemd-analyze", "caddy")
    units = installed(tmp_path)
    assert verify(units, *NAMES, "caddy.service") == ""
    hardening = units / "nkdash-.service.d" / "hardening.conf"
    hardening.write_text(hardening.read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in verify(units, NAMES[0])


def test_the_units_start_what_the_containers_start() -> None:
    services = compose()["services"]
    assert {name.removeprefix("nkdash-").removesuffix(".service") for name in NAMES} == (
        services.keys() - {"postgres", "proxy"}
    )
    for name in NAMES:
        line = re.search(r"(?m)^ExecStart=(.*)$", (UNITS / name).read_text())
        assert line
        command = services[name.removeprefix("nkdash-").removesuffix(".service")]["command"]
        contained = ["python -m nkdash.home", *command] if command[0] != "python" else command
        found = line[1].replace("/opt/nkdash/bin/", "").replace("127.0.0.1", "0.0.0.0")
        assert found == " ".join(contained)


@pytest.mark.parametrize("name", NAMES)
def test_secrets_come_as_credentials_and_memory_is_bounded(name: str) -> None:
    text = (UNITS / name).read_text()
    for variable, value in re.findall(r"(\w*(?:URL|KEY|PASSWORD)_FILE)=(\S+)", text):
        assert value.startswith("%d/"), variable
        assert f"LoadCredential={value.removeprefix('%d/')}:/etc/nkdash/secrets/" in text
    assert re.search(r"(?m)^MemoryMax=\d+[MG]$", text)


@pytest.mark.parametrize("tls", ["internal", "me@example.com"])
def test_caddy_accepts_the_file(tmp_path: Path, tls: str) -> None:
    need("caddy")
    # What `caddy hash-password` made of a word.
    hashed = "$2a$14$1FXdqHlzipSIlCY4Q3FURuBxB1q5LMItGT9llI8xt/VVLwxbvP3h6"
    (tmp_path / "operators").write_text(f"olga {hashed}\n")
    (tmp_path / "readers").write_text(f"rita {hashed}\npeter {hashed}\n")
    file = PROJECT / "deploy" / "Caddyfile"
    done = subprocess.run(
        ["caddy", "validate", "--config", str(file), "--adapter", "caddyfile"],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "NKDASH_SITE": "nkdash.example.com",
            "NKDASH_TLS": tls,
            "NKDASH_OPERATORS": str(tmp_path / "operators"),
            "NKDASH_READERS": str(tmp_path / "readers"),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    formatted = subprocess.run(
        ["caddy", "fmt", str(file)], capture_output=True, text=True, timeout=60
    )
    assert formatted.stdout == file.read_text()
