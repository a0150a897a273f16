"""Settings: typed, judged together, and never telling a secret."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from nkdash import clock
from nkdash.settings import SettingsError, load_settings

ODOO = {
    "ODOO_HOST": "erp.example.com",
    "ODOO_DB": "prod",
    "ODOO_USERNAME": "reader",
    "ODOO_API_KEY": "top-secret-key",
}


def put(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_without_any_setting_all_but_odoo_has_a_default() -> None:
    settings = load_settings()
    assert settings.nkdash_timezone == "Asia/Jakarta"
    assert settings.missing_odoo() == ["ODOO_HOST", "ODOO_DB", "ODOO_USERNAME", "ODOO_API_KEY"]


def test_every_problem_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    put(
        monkeypatch,
        ODOO_HOST="https://erp.example.com",
        ODOO_PORT="99999",
        ODOO_PROTOCOL="xmlrpc",
        ODOO_API_KEY="top-secret-key",
        NKDASH_TIMEZONE="Jakarta",
        NKDASH_START_DATE="yesterday",
    )
    with pytest.raises(SettingsError) as error:
        load_settings(require_odoo=True)
    text = str(error.value)
    for name in (
        "ODOO_HOST",
        "ODOO_PORT",
        "ODOO_PROTOCOL",
        "NKDASH_TIMEZONE",
        "NKDASH_START_DATE",
        "ODOO_DB is not set",
        "ODOO_USERNAME is not set",
    ):
        assert name in text
    assert "bare host name" in text
    assert ".env" in text
    assert "top-secret-key" not in text


def test_the_port_follows_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, **ODOO)
    assert load_settings().odoo_connection().protocol == "auto+ssl"
    for protocol in ("auto", "json2", "jsonrpc"):
        monkeypatch.setenv("ODOO_PROTOCOL", protocol)
        assert load_settings().odoo_connection().port == 8069
        monkeypatch.setenv("ODOO_PROTOCOL", f"{protocol}+ssl")
        assert load_settings().odoo_connection().port == 443


def test_a_dotenv_file_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = [f"{name}={value}" for name, value in ODOO.items()]
    (tmp_path / ".env").write_text("\n".join([*lines, "NKDASH_COMPANIES=1, 3", "ODOO_PORT="]))
    monkeypatch.setenv("ODOO_DB", "other")
    connection = load_settings(require_odoo=True).odoo_connection()
    assert (connection.host, connection.db) == ("erp.example.com", "other")
    assert connection.companies == (1, 3)
    assert connection.port == 443


def test_memory_is_an_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().nkdash_publish_memory is None
    for amount in ("2GB", "1500 MB", "3GiB"):
        monkeypatch.setenv("NKDASH_PUBLISH_MEMORY", amount)
        assert load_settings().nkdash_publish_memory == amount
    for wrong in ("2", "80%", "0GB", "2GB'; SET x"):
        monkeypatch.setenv("NKDASH_PUBLISH_MEMORY", wrong)
        with pytest.raises(SettingsError, match="write it like 2GB"):
            load_settings()


def test_the_key_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, **ODOO)
    settings = load_settings()
    shown = repr(settings) + str(settings) + repr(settings.odoo_connection())
    assert "top-secret-key" not in shown


def test_one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NKDASH_NOW", "2026-11-22T17:30:00+00:00")
    settings = load_settings()
    assert clock.today(settings) == date(2026, 11, 23)
    assert clock.yesterday(settings) == date(2026, 11, 22)
    monkeypatch.setenv("NKDASH_NOW", "2026-11-22T16:59:59")
    assert clock.today(load_settings()) == date(2026, 11, 22)
    monkeypatch.delenv("NKDASH_NOW")
    assert abs((clock.utc_now(load_settings()) - datetime.now(UTC)).total_seconds()) < 5


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("Asia/Jakarta", date(2026, 10, 14), "2026-10-13 17:00", "2026-10-14 17:00"),
        ("UTC", date(2026, 10, 14), "2026-10-14 00:00", "2026-10-15 00:00"),
        # The day the clocks go back has 25 hours, the day they go forward 23.
        ("Europe/Berlin", date(2026, 10, 25), "2026-10-24 22:00", "2026-10-25 23:00"),
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28 23:00", "2026-03-29 22:00"),
        # Cuba skips midnight itself.
        ("America/Havana", date(2026, 3, 8), "2026-03-08 05:00", "2026-03-09 04:00"),
    ],
)
def test_a_business_day_begins_at_local_midnight(
    monkeypatch: pytest.MonkeyPatch, zone: str, day: date, start: str, end: str
) -> None:
    monkeypatch.setenv("NKDASH_TIMEZONE", zone)
    window = clock.day_window(day, day, load_settings().zone)
    assert [f"{t:%Y-%m-%d %H:%M}" for t in window] == [start, end]


def test_any_setting_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("top-secret-key\n")
    (tmp_path / "port").write_text("8443")
    (tmp_path / "companies").write_text("1, 3\r\n")
    (tmp_path / "ca.pem").write_text("a certificate")
    put(monkeypatch, **{name: value for name, value in ODOO.items() if name != "ODOO_API_KEY"})
    put(
        monkeypatch,
        ODOO_API_KEY_FILE=str(key),
        ODOO_PORT_FILE=str(tmp_path / "port"),
        # Not a secret of a setting ODOO_CA, but a setting itself.
        ODOO_CA_FILE=str(tmp_path / "ca.pem"),
    )
    (tmp_path / ".env").write_text(f"NKDASH_COMPANIES_FILE={tmp_path / 'companies'}\n")
    settings = load_settings(require_odoo=True)
    connection = settings.odoo_connection()
    assert connection.api_key.get_secret_value() == "top-secret-key"
    assert (connection.port, connection.companies) == (8443, (1, 3))
    assert settings.odoo_ca_file == tmp_path / "ca.pem"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"secret\xff", "is not UTF-8 text"),
    ],
)
def test_a_bad_file_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, cause: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    put(monkeypatch, **{**ODOO, "ODOO_API_KEY": "", "ODOO_API_KEY_FILE": str(path)})
    put(monkeypatch, ODOO_PORT="none")
    with pytest.raises(SettingsError) as error:
        load_settings(require_odoo=True)
    assert error.value.problems[0] == f"ODOO_API_KEY_FILE: {path} {cause}"
    assert [text.split(":")[0] for text in error.value.problems[1:]] == ["ODOO_PORT"]
    assert "secret" not in str(error.value)


def test_a_folder_in_place_of_a_file_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(monkeypatch, NKDASH_POSTGRES_URL_FILE=str(tmp_path))
    with pytest.raises(SettingsError, match=f"NKDASH_POSTGRES_URL_FILE: {tmp_path} cannot be read"):
        load_settings()


def test_a_setting_given_both_ways_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("another-key")
    put(monkeypatch, **ODOO, ODOO_API_KEY_FILE=str(tmp_path / "key"))
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert error.value.problems == [
        "ODOO_API_KEY and ODOO_API_KEY_FILE are both set; keep one of them"
    ]


def test_a_wrong_postgres_address_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, NKDASH_POSTGRES_URL="mysql://me:top-secret-key@db/dagster")
    with pytest.raises(SettingsError, match="NKDASH_POSTGRES_URL: write it like") as error:
        load_settings()
    assert "top-secret-key" not in str(error.value)
