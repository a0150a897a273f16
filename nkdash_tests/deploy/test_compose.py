"""docker-compose.yml: right by the Compose specification's own schema, and by our rules."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from nkdash.home import PROJECT
from nkdash.settings import Settings
from nkdash_tests.deploy.stack import compose, image

# compose-spec.json (Apache License 2.0, beside it) as of October 2026, from check-jsonschema 0.39.
SCHEMA = json.loads((Path(__file__).parent / "data/compose-spec.json").read_text())
SERVICES: dict[str, dict[str, Any]] = compose()["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "nkdash"]
SECRET = re.compile(r"PASSWORD|KEY|TOKEN|SECRET|POSTGRES_URL")

every_service = pytest.mark.parametrize("name", SERVICES)


def test_the_file_fits_the_specification() -> None:
    Draft202012Validator(SCHEMA).validate(compose())
    broken = {**compose(), "services": {"daemon": {"image": "nkdash", "mem_limits": "1g"}}}
    assert not Draft202012Validator(SCHEMA).is_valid(broken)


def test_all_programs_are_there() -> None:
    assert SERVICES.keys() == {
        "postgres",
        "code",
        "webserver",
        "daemon",
        "dashboard",
        "proxy",
        "health",
    }


@every_service
def test_a_service_is_watched_bounded_and_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"]
    assert service["restart"] == "unless-stopped"
    assert not service["user"].startswith(("0", "root"))
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert isinstance(service["command"], list)


@every_service
def test_only_the_proxy_can_be_reached_and_only_who_must_gets_out(name: str) -> None:
    service = SERVICES[name]
    assert ("ports" in service) == (name == "proxy")
    assert service.get("network_mode") is None
    networks = compose()["networks"]
    outward = {n for n in service["networks"] if not networks[n].get("internal")}
    may = {"proxy": {"edge"}, "code": {"outside"}, "health": {"outside"}}
    assert outward == may.get(name, set())


@every_service
def test_secrets_are_files(name: str) -> None:
    service = SERVICES[name]
    for variable, value in service["environment"].items():
        if SECRET.search(variable):
            assert variable.endswith("_FILE"), variable
            assert value.removeprefix("/run/secrets/") in service["secrets"]
    assert set(service.get("secrets", [])) <= compose()["secrets"].keys()
    assert all(s["file"].startswith("./secrets/") for s in compose()["secrets"].values())


def test_secrets_are_kept_out_of_image_and_repository() -> None:
    for file in (".dockerignore", ".gitignore"):
        lines = (PROJECT / file).read_text().splitlines()
        assert {"secrets", "/secrets/"} & set(lines), file
    assert not any(SECRET.search(name) for name in image()[0])


@pytest.mark.parametrize("name", OURS)
def test_only_the_code_server_writes_the_lake_and_knows_odoo(name: str) -> None:
    service = SERVICES[name]
    data = [volume for volume in service.get("volumes", []) if volume.startswith("data:")]
    wanted = {"code": ["data:/data"], "dashboard": ["data:/data:ro"], "health": ["data:/data:ro"]}
    assert data == wanted.get(name, [])
    assert ("odoo_api_key" in service.get("secrets", [])) == (name in ("code", "health"))


def test_services_start_after_those_they_need() -> None:
    seen: set[str] = set()
    while len(seen) < len(SERVICES):
        ready = {n for n, s in SERVICES.items() if set(s.get("depends_on", {})) <= seen}
        assert ready > seen, f"{SERVICES.keys() - seen} wait for each other"
        seen |= ready
    for service in SERVICES.values():
        for needed in service.get("depends_on", {}).values():
            assert needed == {"condition": "service_healthy"}
    assert {"code", "webserver"} <= SERVICES["daemon"]["depends_on"].keys()


@pytest.mark.parametrize("name", OURS)
def test_settings_that_the_file_gives_exist(name: str) -> None:
    known = {field.upper() for field in Settings.model_fields}
    known |= {f"{field}_FILE" for field in known}
    others = {"NKDASH_CODE_HOST", "NKDASH_CODE_PORT", "DAGSTER_HOME"}
    assert SERVICES[name]["environment"].keys() - others <= known
    assert image()[0].keys() - {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"} <= (
        known | others
    )


def test_the_code_server_serves_what_the_workspace_asks_for() -> None:
    asked = yaml.safe_load((PROJECT / "deploy/workspace.yaml").read_text())["load_from"]
    (server,) = (entry["grpc_server"] for entry in asked)
    command = SERVICES["code"]["command"]
    assert server["location_name"] == command[command.index("--location-name") + 1]
    for name in ("webserver", "daemon"):
        given = SERVICES[name]["environment"]
        assert given[server["host"]["env"]] == "code"
        assert given[server["port"]["env"]] == command[command.index("-p") + 1]
        assert "/etc/nkdash/workspace.yaml" in SERVICES[name]["command"]
