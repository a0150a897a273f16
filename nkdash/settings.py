"""Settings from the environment and ``.env``: typed, validated together, secrets never shown.

Names are those users have in their ``.env`` today (``ODOO_HOST`` …, ``DATA_LAKE_ROOT``) and
``NKDASH_…`` for what is ours. The environment wins over ``.env``; ``<NAME>_FILE`` gives a setting
as a file.
"""

import os
import re
from datetime import UTC, date, datetime, time
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, PlainValidator, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from upath import UPath

from nkdash.contracts.decimals import FEWEST, MOST
from nkdash.home import home_path
from nkdash.lake.place import LakePath, is_remote, parse_place, s3_options
from nkdash.odoo.connection import OdooConnection, Protocol
from nkdash.secret_files import read_secret_files

DEFAULT_PORT, DEFAULT_TLS_PORT = 8069, 443
NEEDED_FOR_ODOO = ("ODOO_HOST", "ODOO_DB", "ODOO_USERNAME", "ODOO_API_KEY")
REMEDY = "Set them in the environment or in .env (.env.example lists every name)."


class SettingsError(Exception):
    """The settings are incomplete or wrong; names every problem at once, never a secret's value."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(
            "The settings have problems:\n"
            + "\n".join(f"  - {p}" for p in problems)
            + f"\n{REMEDY}"
        )


class Settings(BaseSettings):
    """Every setting of NKDash. Field names are the environment names in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True
    )

    odoo_host: str | None = Field(None, description="Host name of the Odoo server, without scheme")
    odoo_port: int | None = Field(None, ge=1, le=65535, description="8069, or 443 with TLS")
    odoo_protocol: Protocol = Field(
        "auto+ssl",
        description="auto: JSON-2 where Odoo (19 and later) takes the key for it, else JSON-RPC",
    )
    odoo_db: str | None = Field(None, description="Odoo's database name")
    odoo_username: str | None = Field(None, description="Login of the user that NKDash reads as")
    odoo_api_key: SecretStr | None = Field(None, description="API key (or password) of that user")
    odoo_ca_file: Path | None = Field(None, description="PEM file of a private CA")
    odoo_connect_timeout: float = Field(10, gt=0, description="seconds")
    odoo_read_timeout: float = Field(120, gt=0, description="seconds")
    odoo_max_attempts: int = Field(
        5, ge=1, le=20, description="tries a call, transient faults only"
    )
    odoo_page_size: int = Field(5000, ge=1, le=100_000, description="records a call")
    odoo_pages_in_flight: int = Field(4, ge=1, le=16, description="calls at the same time")

    data_lake_root: Annotated[LakePath, PlainValidator(parse_place)] = Field(
        Path("data-lake"), description="the Parquet lake: a folder, or s3://bucket/prefix"
    )
    nkdash_warehouse: Annotated[LakePath, PlainValidator(parse_place)] | None = Field(
        None, description="a folder, or s3://bucket/prefix; default: warehouse/ in the lake"
    )
    nkdash_warehouse_cache: Path | None = Field(
        None, description="local copies of a warehouse on S3; default: beside DAGSTER_HOME"
    )
    nkdash_s3_endpoint: str | None = Field(
        None, description="address of an S3 server that is not Amazon's, e.g. MinIO"
    )
    aws_access_key_id: SecretStr | None = Field(None, description="of the S3 user; or a role")
    aws_secret_access_key: SecretStr | None = Field(None, description="of the S3 user")
    aws_session_token: SecretStr | None = Field(None, description="of temporary credentials")
    aws_default_region: str | None = Field(None, description="region of the bucket")
    nkdash_timezone: str = Field("Asia/Jakarta", description="Zone in which a business day begins")
    nkdash_start_date: date = Field(date(2024, 1, 1), description="First business day to load")
    nkdash_now: datetime | None = Field(None, description="Fixes the clock; tests and demos only")
    nkdash_companies: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Odoo company ids to read, comma-separated; empty: all the user may see"
    )
    nkdash_max_partitions_per_run: int = Field(31, ge=1, description="days a backfill run")
    nkdash_step_retries: int = Field(2, ge=0, le=10, description="further tries of a failed step")
    nkdash_step_retry_seconds: float = Field(30, ge=0, description="before the first of them")
    nkdash_step_minutes: int = Field(60, ge=1, description="time limit of a step's calls to Odoo")
    nkdash_run_minutes: int = Field(240, ge=1, description="time limit of a run")
    nkdash_nightly_at: time = Field(time(2), description="local time of the nightly load")
    nkdash_snapshot_at: time = Field(time(23, 30), description="local time of the stock snapshot")
    nkdash_intraday_minutes: int = Field(30, ge=5, le=720, description="refresh of today, minutes")
    nkdash_changed_minutes: int = Field(3, ge=1, le=120, description="between looks for changes")
    nkdash_weekly_at: time = Field(time(4), description="local time of Sunday's reconciliation")
    nkdash_weekly_days: int = Field(35, ge=1, le=400, description="days that it reconciles")
    nkdash_max_runs_per_tick: int = Field(
        2, ge=1, le=20, description="runs for missing days that are under way at once"
    )
    nkdash_warehouse_versions: int = Field(5, ge=2, description="published versions kept")
    nkdash_publish_memory: str | None = Field(
        None, description="memory that publishing may take, e.g. 2GB; default: 80 % of all"
    )

    nkdash_brand_model: str = Field("x_product_brand", description="Odoo model of brands")
    nkdash_brand_field: str = Field("x_studio_brand_id", description="brand on product.product")
    nkdash_principal_field: str = Field("x_studio_partner_id", description="principal on the brand")
    nkdash_pos_discount_field: str | None = Field(
        None, description="amount field on pos.order.line that is taken off the revenue"
    )
    nkdash_opening_costs: Path | None = Field(
        None, description="CSV of opening costs: product_id or sku, cost_unit, optional from_date"
    )
    nkdash_cost_fallback: Literal["none", "odoo_line_cost", "standard_price"] = Field(
        "none",
        description="cost of goods without a bill or opening cost; today's, never as of then",
    )
    nkdash_money_decimals: int = Field(
        2, ge=FEWEST, le=MOST, description="decimals of amounts; more for currencies that have more"
    )
    nkdash_partner_contacts: bool = Field(False, description="read e-mail and phone of partners")

    nkdash_postgres_url: SecretStr | None = Field(
        None, description="Postgres for Dagster's storage: postgresql://user:password@host/name"
    )
    nkdash_executor: Literal["in_process", "celery"] = Field(
        "in_process", description="celery: the steps of a run go to Celery workers"
    )
    nkdash_celery_broker: SecretStr | None = Field(
        None, description="where those workers listen: redis://host:6379/0"
    )
    nkdash_keep_runs_days: int = Field(
        30, ge=2, description="days that Dagster's runs and their logs are kept"
    )
    nkdash_backup_key: SecretStr | None = Field(
        None, description="encrypts backups: age recipient or identity, or a passphrase"
    )
    nkdash_dashboard_host: str = "127.0.0.1"
    nkdash_dashboard_port: int = Field(8050, ge=1, le=65535)
    nkdash_dagster_host: str = "127.0.0.1"
    nkdash_dagster_port: int = Field(3000, ge=1, le=65535)
    nkdash_dagster_graphql_url: str | None = Field(
        None, description="where the dashboard asks Dagster; default: its host and port"
    )

    nkdash_state_dir: Path | None = Field(
        None, description="the dashboard's own state: users, audit; default: beside DAGSTER_HOME"
    )
    nkdash_login: Literal["auto", "users", "proxy", "off"] = Field(
        "auto",
        description="auto: proxy with NKDASH_TRUSTED_PROXIES, off on loopback, else users",
    )
    nkdash_session_hours: float = Field(
        12, gt=0, le=720, description="without use, after which a login ends"
    )
    nkdash_session_days: int = Field(30, ge=1, le=365, description="after which any login ends")
    nkdash_secret_key: SecretStr | None = Field(
        None, description="signs the login's forms; default: a file that the dashboard makes"
    )
    nkdash_trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses or CIDRs of proxies that log readers in, comma-separated"
    )
    nkdash_user_header: str = Field(
        "Remote-User", description="header in which such a proxy names the reader"
    )
    nkdash_managers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="readers who may refresh and cancel, comma-separated"
    )
    nkdash_admins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="readers who may do everything, comma-separated"
    )

    nkdash_dagster_url: str | None = Field(
        None, description="where people open Dagster; default from its host and port"
    )
    nkdash_dashboard_url: str | None = Field(
        None, description="where people open the dashboard; default from its host and port"
    )

    nkdash_health_minutes: int = Field(60, ge=1, le=1440, description="between two health checks")
    nkdash_check_seconds: float = Field(20, gt=0, le=40, description="time that checks may take")
    nkdash_disk_warn_gib: float = Field(5, ge=0, description="less free disk is a warning")
    nkdash_disk_fail_gib: float = Field(1, ge=0, description="less free disk is a failure")
    nkdash_daemon_seconds: float = Field(
        300, ge=90, description="a daemon without a heartbeat for longer has failed"
    )
    nkdash_fresh_hour: int = Field(
        5, ge=0, le=23, description="local hour by which yesterday must be there"
    )
    nkdash_refresh_intervals: int = Field(
        4, ge=2, description="intraday intervals after which today's data is too old"
    )
    nkdash_publish_lag_minutes: int = Field(
        90, ge=1, description="how long loaded data may wait to be published"
    )
    nkdash_publish_max_hours: float = Field(26, gt=0, description="an older warehouse is a warning")

    nkdash_alert_webhook: SecretStr | None = Field(
        None, description="address that alerts are posted to; a secret"
    )
    nkdash_alert_webhook_kind: Literal["auto", "slack", "teams", "json"] = Field(
        "auto", description="shape of the posted alert; auto tells by the host name"
    )
    nkdash_alert_email_to: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses that get alerts, comma-separated"
    )
    nkdash_alert_email_from: str | None = Field(None, description="sender of alerts")
    nkdash_digest_at: time | Literal["off"] = Field(
        time(7), description="local time of the daily digest; off, or without a receiver: none"
    )
    nkdash_digest_to: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="who gets it: addresses, and webhook; default: those who get alerts",
    )
    nkdash_digest_language: Literal["en", "id"] = Field("en", description="of the digest")
    nkdash_smtp_host: str | None = Field(None, description="mail server")
    nkdash_smtp_port: int = Field(587, ge=1, le=65535)
    nkdash_smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="tls from the first byte (port 465), starttls, or none"
    )
    nkdash_smtp_username: str | None = Field(None, description="login at the mail server")
    nkdash_smtp_password: SecretStr | None = Field(None, description="password of that login")

    nkdash_log_format: Literal["text", "json"] = Field(
        "text", description="json: one JSON object a line, with run id, step and days"
    )

    @field_validator("odoo_host")
    @classmethod
    def _bare_host(cls, value: str | None) -> str | None:
        if value and ("/" in value or ":" in value):
            raise ValueError(
                "give the bare host name, e.g. erp.example.com; "
                "the scheme goes into ODOO_PROTOCOL, the port into ODOO_PORT"
            )
        return value

    @field_validator("nkdash_publish_memory")
    @classmethod
    def _memory(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not re.fullmatch(r"[1-9]\d{0,5} ?[MGT]i?B", value, re.IGNORECASE):
            raise ValueError(f"{value!r} is no amount of memory; write it like 2GB or 1500MB")
        return value

    @field_validator("odoo_ca_file")
    @classmethod
    def _ca_exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
        return value

    @field_validator("nkdash_postgres_url")
    @classmethod
    def _postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith("postgresql://"):
            raise ValueError("write it like postgresql://user:password@host:5432/name")
        return value

    @field_validator("nkdash_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"{value!r} is no IANA time zone; write it like Asia/Jakarta"
            ) from error
        return value

    @field_validator("nkdash_companies", "nkdash_alert_email_to", "nkdash_digest_to", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        return (
            tuple(p for p in value.replace(",", " ").split()) if isinstance(value, str) else value
        )

    @field_validator("nkdash_trusted_proxies", "nkdash_managers", "nkdash_admins", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(name for part in value.split(",") if (name := part.strip()))

    @field_validator("nkdash_trusted_proxies")
    @classmethod
    def _known_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError as error:
                raise ValueError(f"{text!r} is no address or CIDR such as 10.0.0.0/24") from error
        return value

    @field_validator(
        "nkdash_dagster_graphql_url",
        "nkdash_dagster_url",
        "nkdash_dashboard_url",
        "nkdash_s3_endpoint",
    )
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is no address such as https://erp.example.com/dagster")
        return value.rstrip("/") if value else None

    @field_validator("nkdash_alert_webhook")
    @classmethod
    def _web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("give the whole address, beginning with https://")
        return value

    @field_validator("nkdash_secret_key")
    @classmethod
    def _long_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value and len(value.get_secret_value()) < 32:
            raise ValueError("give at least 32 random characters (openssl rand -hex 32)")
        return value

    @field_validator("nkdash_now")
    @classmethod
    def _aware_now(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone."""
        return ZoneInfo(self.nkdash_timezone)

    @property
    def lake_root(self) -> LakePath:
        """Where the lake lies: an absolute folder, or a UPath on S3."""
        return self._placed(self.data_lake_root)

    @property
    def warehouse_dir(self) -> LakePath:
        """Where the published versions lie: an absolute folder, or a UPath on S3."""
        return self._placed(self.nkdash_warehouse or self.data_lake_root / "warehouse")

    @property
    def warehouse_cache(self) -> Path:
        """Folder of the local copies of a warehouse on S3, absolute."""
        folder = self.nkdash_warehouse_cache or home_path().parent / "warehouse-cache"
        return folder.expanduser().resolve()

    def _placed(self, place: LakePath) -> LakePath:
        if not is_remote(place):
            return place.expanduser().resolve()

        def shown(secret: SecretStr | None) -> str | None:
            return secret.get_secret_value() if secret else None

        options = s3_options(
            self.nkdash_s3_endpoint,
            self.aws_default_region,
            shown(self.aws_access_key_id),
            shown(self.aws_secret_access_key),
            shown(self.aws_session_token),
        )
        there: UPath = UPath(str(place), **options)
        return there

    @property
    def state_dir(self) -> Path:
        """Folder of the dashboard's own state, absolute."""
        folder = self.nkdash_state_dir or home_path().parent / "state"
        return folder.expanduser().resolve()

    def missing_odoo(self) -> list[str]:
        """The names of the Odoo settings without which Odoo cannot be reached."""
        return [name for name in NEEDED_FOR_ODOO if getattr(self, name.lower()) is None]

    def odoo_connection(self) -> OdooConnection:
        """What the Odoo room needs to connect. Raises SettingsError naming what is missing."""
        if missing := self.missing_odoo():
            raise SettingsError([f"{name} is not set" for name in missing])
        tls = self.odoo_protocol.endswith("+ssl")
        return OdooConnection(
            host=self.odoo_host or "",
            port=self.odoo_port or (DEFAULT_TLS_PORT if tls else DEFAULT_PORT),
            protocol=self.odoo_protocol,
            db=self.odoo_db or "",
            username=self.odoo_username or "",
            api_key=self.odoo_api_key or SecretStr(""),
            ca_file=self.odoo_ca_file,
            connect_timeout=self.odoo_connect_timeout,
            read_timeout=self.odoo_read_timeout,
            max_attempts=self.odoo_max_attempts,
            page_size=self.odoo_page_size,
            pages_in_flight=self.odoo_pages_in_flight,
            companies=self.nkdash_companies,
            timezone=self.nkdash_timezone,
        )


def load_settings(*, require_odoo: bool = False) -> Settings:
    """Read and validate all settings.

    With ``require_odoo`` the settings that reach Odoo must be there too. Raises SettingsError
    that names every problem at once, by environment name, and never shows a secret.
    """
    settings: Settings | None = None
    environment = _environment()
    given, problems = read_secret_files(Settings.model_fields.keys(), environment)
    try:
        settings = Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems += [
            f"{'.'.join(str(part) for part in item['loc']).upper()}: "
            + item["msg"].removeprefix("Value error, ")
            for item in error.errors(include_input=False, include_url=False)
        ]
    if require_odoo:
        # Looked for by hand: with other settings invalid there is no Settings to ask.
        problems += [
            f"{name} is not set"
            for name in NEEDED_FOR_ODOO
            if not (environment.get(name) or environment.get(f"{name}_FILE"))
        ]
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def _environment() -> dict[str, str | None]:
    """.env and the environment, which wins; names in upper case."""
    from dotenv import dotenv_values

    given = {**dotenv_values(".env"), **os.environ}
    return {name.upper(): value for name, value in given.items()}
