import json
import re
import tomllib
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from nkdash.cli.app import app
from nkdash.home import PROJECT
from nkdash.settings import Settings

ASSIGNMENT = re.compile(r"#?([A-Z0-9_]+)=(.*)")


def defaults() -> dict[str, str]:
    """Each setting as .env writes its default."""
    return {name.upper(): _written(f.default) for name, f in Settings.model_fields.items()}


def _written(value: object) -> str:
    if value is None or value == ():
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_env_example_names_every_setting_once_with_a_comment_and_its_default() -> None:
    lines = (PROJECT / ".env.example").read_text().splitlines()
    found = {}
    for before, line in pairwise(lines):
        if match := ASSIGNMENT.fullmatch(line):
            assert before.startswith("# "), f"{line} has no comment"
            assert match[1] not in found
            found[match[1]] = match[2]
    examples = {"ODOO_HOST", "ODOO_DB", "ODOO_USERNAME", "ODOO_PORT"}
    assert {k: v for k, v in found.items() if k not in examples} == {
        k: v for k, v in defaults().items() if k not in examples
    }
    assert examples <= found.keys()


def test_env_example_is_a_valid_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (PROJECT / ".env.example").read_text().replace("API_KEY=", "API_KEY=key")
    Path(".env").write_text(re.sub(r"(?m)^#(?=[A-Z]+_[A-Z_]+=.)", "", text))
    settings = Settings()
    assert settings.missing_odoo() == []
    assert settings.nkdash_start_date == date(2024, 1, 1)


def test_settings_page_lists_every_setting() -> None:
    page = (PROJECT / "docs/settings.md").read_text()
    rows = dict(re.findall(r"(?m)^\| `([A-Z0-9_]+)` \| (.*?) \|", page))
    assert rows.keys() == defaults().keys()
    told = {name: cell.strip("`") for name, cell in rows.items() if cell.startswith("`")}
    worded = {
        "NKDASH_WAREHOUSE",
        "NKDASH_DAGSTER_GRAPHQL_URL",
        "NKDASH_STATE_DIR",
        "NKDASH_WAREHOUSE_CACHE",
    }
    assert {n: v for n, v in told.items() if n not in worded} == {
        n: v for n, v in defaults().items() if v and n not in worded
    }


def test_cli_page_names_every_command_and_option() -> None:
    page = (PROJECT / "docs/cli.md").read_text()
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        section = page.split(f"## {name}\n")[1].split("\n## ")[0] if name != "publish" else page
        assert f"`nkdash {name}`" in page
        for parameter in command.params:
            option = parameter.opts[0]
            if option.startswith("--") and option not in ("--help", "--publish"):
                assert option in section, f"{name} {option}"


def test_constraints_are_plain_pins_of_everything_we_depend_on() -> None:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines)
    pinned = {_normal(line.split("==")[0]) for line in lines}
    assert len(pinned) == len(lines)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = sum(project["optional-dependencies"].values(), project["dependencies"])
    names = {_normal(re.split(r"[<>=\[ ]", line)[0]) for line in wanted}
    assert names - pinned == {"nkdash"}  # the extras of dev
    assert "nkdash" not in pinned


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_readme_links_lead_somewhere() -> None:
    for page in (PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")):
        links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
        missing = [link for link in links if not (page.parent / link).exists()]
        assert missing == [], page


def test_workspace_loads_our_definitions() -> None:
    workspace = json.dumps(yaml.safe_load((PROJECT / "workspace.yaml").read_text()))
    assert '"nkdash.definitions"' in workspace
