"""The doctor names every right that is missing and every one that is too much."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from nkdash.catalog import load_catalog
from nkdash.cli.checks import needs, reading_odoo
from nkdash.odoo.doctor import Check
from nkdash.odoo.rights import POWERS
from nkdash.sandbox import Rights, SandboxServer, World, load_records, serve
from nkdash.settings import Settings, load_settings
from nkdash_tests.conftest import RECORDS

RECORDS_19 = RECORDS.parents[1] / "19" / "records"
GUIDE = Path(__file__).parents[2] / "docs" / "odoo-user.md"


@pytest.fixture(scope="module")
def world() -> World:
    return load_records(RECORDS)


@contextmanager
def sandbox(
    world: World, env: pytest.MonkeyPatch, rights: Rights
) -> Iterator[tuple[SandboxServer, Settings]]:
    with serve(world, rights=rights) as server:
        for name, value in server.settings.items():
            env.setenv(name, value)
        yield server, load_settings(require_odoo=True)


def examine(world: World, env: pytest.MonkeyPatch, **rights: object) -> dict[str, Check]:
    with sandbox(world, env, Rights(**rights)) as (_, settings):  # type: ignore[arg-type]
        found = reading_odoo(settings, load_catalog(settings))
    return {check.name: check for check in found}


def test_a_user_that_may_only_read_is_right(world: World, settings_env: pytest.MonkeyPatch) -> None:
    found = examine(world, settings_env)
    assert not [check for check in found.values() if check.ok is False]
    assert found["write rights"].ok is True


@pytest.mark.parametrize("model", ["pos.payment", "stock.warehouse", "hr.employee", "res.currency"])
def test_each_model_that_is_closed_is_named(
    world: World, settings_env: pytest.MonkeyPatch, model: str
) -> None:
    # Optional ones too: a load stops at whatever it may not read.
    found = examine(world, settings_env, denied={model: ("Some/Group",)})
    failed = [name for name, check in found.items() if check.ok is False]
    assert failed == (["companies"] if model == "res.currency" else [f"model {model}"])
    assert "docs/odoo-user.md" in found[failed[0]].remedy


def test_a_needed_field_that_is_hidden_fails_and_another_is_noted(
    world: World, settings_env: pytest.MonkeyPatch
) -> None:
    hidden = {
        "product.product": frozenset({"standard_price"}),
        "stock.quant": frozenset({"value"}),
    }
    found = examine(world, settings_env, hidden=hidden)
    assert found["model product.product"].ok is False
    assert found["model product.product"].detail == "lacks standard_price"
    assert "group that sees it" in found["model product.product"].remedy
    assert found["model stock.quant"].ok is None
    assert "value" in found["model stock.quant"].detail


@pytest.mark.parametrize("records", [RECORDS, RECORDS_19])
def test_every_right_that_is_too_much_is_noted(
    records: Path, settings_env: pytest.MonkeyPatch
) -> None:
    found = examine(
        load_records(records),
        settings_env,
        granted={
            "pos.order": frozenset({"write", "create", "unlink"}),
            "res.partner": frozenset({"write"}),
            "uom.uom": frozenset({"write"}),
        },
        groups=frozenset({"base.group_system", "stock.group_stock_user"}),
    )
    assert {found[name].ok for name in ("write rights", "powers")} == {None}
    rights = found["write rights"].detail
    assert "write, create, unlink: pos.order" in rights
    assert "write: res.partner, uom.uom" in rights or "write: uom.uom, res.partner" in rights
    assert found["powers"].detail.endswith(f"the user {POWERS['base.group_system']}")
    assert "other data" not in found


def test_private_models_that_are_open_are_noted(
    world: World, settings_env: pytest.MonkeyPatch
) -> None:
    payslips = next(iter(world.tables.values()))
    more = World({**world.tables, "hr.payslip": payslips}, world.outside_names, world.major)
    assert examine(more, settings_env)["other data"].detail == (
        "open without need: hr.payslip (payslips)"
    )
    closed = examine(more, settings_env, denied={"hr.payslip": ()})
    assert "other data" not in closed


def relations(folder: Path) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    import gzip

    with gzip.open(folder.parent / "fields_get.json.gz") as file:
        found: dict[str, dict[str, dict[str, str]]] = json.load(file)
    return found


@pytest.mark.parametrize("records", [RECORDS, RECORDS_19])
def test_the_guide_grants_exactly_the_models_that_are_read(
    records: Path, settings_env: pytest.MonkeyPatch
) -> None:
    settings_env.setenv("NKDASH_PARTNER_CONTACTS", "true")
    known = relations(records)
    catalog = load_catalog(load_settings())
    read = set(needs(catalog, lambda model, field: known[model][field].get("relation")))
    granted = re.findall(
        r"^ *nkdash_read_\w+,(\S+) \(NKDash\),\w+\.model_(\w+),__import__\.nkdash_reader,1,0,0,0$",
        GUIDE.read_text(),
        re.MULTILINE,
    )
    assert {model.replace(".", "_") for model, _ in granted} == {name for _, name in granted}
    # The model of brands is the shop's own.
    own = {"x_product_brand"}
    assert {model for model, _ in granted} == read - own
