import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import Result

from nkdash.catalog import load_catalog
from nkdash.cli.checks import discount_field, needs, writable
from nkdash.sandbox import SandboxServer, load_records, serve
from nkdash.settings import Settings
from nkdash_tests.cli.conftest import Nkdash, settings_of
from nkdash_tests.conftest import RECORDS


def failed(answer: Result) -> dict[str, str]:
    """Failed checks of ``doctor --json``: name to detail and remedy."""
    assert answer.exit_code == 1, answer.output
    checks = json.loads(answer.stdout)
    found = {c["name"]: f"{c['detail']} {c['remedy']}" for c in checks if c["ok"] is False}
    assert all(c["remedy"] for c in checks if c["ok"] is False)
    return found


def test_everything_is_right_on_the_sandbox(nkdash: Nkdash, tmp_path: Path) -> None:
    answer = nkdash("doctor")
    assert answer.exit_code == 0, answer.output
    assert "checks: 0 failed" in answer.stdout
    checks = {c["name"]: c for c in json.loads(nkdash("doctor", "--json").stdout)}
    names = {"server", "version", "credentials", "model pos.order", "time zone", "lake", "disk"}
    assert all(checks[name]["ok"] is True for name in names)
    assert not list((tmp_path / "lake").glob(".*"))


@pytest.mark.parametrize(
    ("setting", "value", "check", "words"),
    [
        ("ODOO_PORT", "9", "server", "ODOO_HOST"),
        ("ODOO_API_KEY", "wrong", "credentials", "ODOO_API_KEY"),
        ("ODOO_DB", "other", "credentials", "ODOO_DB"),
        ("NKDASH_START_DATE", "2027-01-01", "settings", "future"),
    ],
)
def test_each_failure_has_its_remedy(
    nkdash: Nkdash, setting: str, value: str, check: str, words: str
) -> None:
    assert words in failed(nkdash("doctor", "--json", **{setting: value}))[check]


def test_all_settings_are_named_at_once_without_the_key(nkdash: Nkdash) -> None:
    changes = {"ODOO_HOST": None, "ODOO_PORT": "zero", "NKDASH_TIMEZONE": "Mars/Base"}
    answer = nkdash("doctor", "--json", **changes, ODOO_API_KEY="secret-xyz")
    problems = " ".join(c["detail"] for c in json.loads(answer.stdout))
    assert all(name in problems for name in changes)
    assert "secret-xyz" not in answer.output


def test_folders_that_cannot_be_written_fail(nkdash: Nkdash, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    under_a_file = str(tmp_path / "file" / "lake")
    found = failed(nkdash("doctor", "--json", DATA_LAKE_ROOT=under_a_file))
    assert "DATA_LAKE_ROOT" in found["lake"]
    assert "NKDASH_WAREHOUSE" in found["warehouse"]


def test_a_model_without_rights_fails_in_odoos_words(nkdash: Nkdash, odoo: SandboxServer) -> None:
    odoo.control.add_fault(
        "error",
        model="pos.payment",
        times=99,
        name="odoo.exceptions.AccessError",
        message="You are not allowed to access 'Point of Sale Payments'",
    )
    try:
        found = failed(nkdash("doctor", "--json"))
    finally:
        odoo.control.clear_faults()
    assert "You are not allowed" in found["model pos.payment"]


def test_probe_leaves_nothing_behind(tmp_path: Path) -> None:
    assert writable("lake", tmp_path / "new", "DATA_LAKE_ROOT").ok is True
    assert list((tmp_path / "new").iterdir()) == []


def test_dotted_fields_are_needed_of_the_related_model() -> None:
    catalog = load_catalog(Settings.model_construct())
    relations = {("pos.order.line", "order_id"): "pos.order"}
    found = needs(catalog, lambda model, field: relations.get((model, field)))
    assert found["pos.order"]["date_order"] is True
    assert found["pos.order.line"]["order_id"] is True
    assert not any("." in field for fields in found.values() for field in fields)
    assert not any(found["x_product_brand"].values())


@pytest.fixture
def recorded() -> Iterator[SandboxServer]:
    with serve(load_records(RECORDS)) as server:
        yield server


def test_a_discount_field_that_repeats_the_percentage_is_noted(
    recorded: SandboxServer, tmp_path: Path
) -> None:
    nkdash = Nkdash(settings_of(recorded, tmp_path))
    answer = nkdash("doctor", "--json", NKDASH_POS_DISCOUNT_FIELD="x_studio_discount_amount")
    check = {c["name"]: c for c in json.loads(answer.stdout)}["discount field"]
    assert check["ok"] is None
    assert "NKDASH_POS_DISCOUNT_FIELD" in check["remedy"]


class Lines:
    """Lines whose discount field says something of its own."""

    def newest(self, model: str, fields: list[str]) -> pl.DataFrame:
        return pl.DataFrame({"id": [2], "amount": [5.0]})

    def search_read(self, model: str, domain: object, fields: list[str]) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "price_unit": [100.0, 100.0],
                "qty": [1.0, 2.0],
                "discount": [0.0, 10.0],
                "amount": [5.0, 7.0],
            }
        )


def test_a_discount_field_of_its_own_is_right() -> None:
    assert discount_field(Lines(), "amount").ok is True  # type: ignore[arg-type]
