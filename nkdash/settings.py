"""Settings from the environment and ``.env``: typed, validated together, secrets never shown.

Names are those users have in their ``.env`` today (``ODOO_HOST`` …, ``DATA_LAKE_ROOT``) and
``NKDASH_…`` for what is ours. The environment wins over ``.env``.
"""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nkdash.contracts.decimals import FEWEST, MOST
from nkdash.odoo.connection import OdooConnection, Protocol

DEFAULT_PORT, DEFAULT_TLS_PORT = 8069, 443
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

    data_lake_root: Path = Field(Path("data-lake"), description="Folder of the Parquet lake")
    nkdash_warehouse: Path | None = Field(None, description="default: warehouse/ in the lake")
    nkdash_timezone: str = Field("Asia/Jakarta", description="Zone in which a business day begins")
    nkdash_start_date: date = Field(date(2024, 1, 1), description="First business day to load")
    nkdash_now: datetime | None = Field(None, description="Fixes the clock; tests and demos only")
    nkdash_companies: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Odoo company ids to read, comma-separated; empty: all the user may see"
    )
    nkdash_max_partitions_per_run: int = Field(31, ge=1, description="days a backfill run")
    nkdash_step_retries: int = Field(2, ge=0, le=10, description="further tries of a failed step")
    nkdash_step_retry_seconds: float = Field(30, ge=0, description="before the first of them")
    nkdash_intraday_minutes: int = Field(30, ge=5, le=720, description="refresh of today, minutes")
    nkdash_warehouse_versions: int = Field(5, ge=2, description="published versions kept")

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

    nkdash_dashboard_host: str = "127.0.0.1"
    nkdash_dashboard_port: int = Field(8050, ge=1, le=65535)
    nkdash_dagster_host: str = "127.0.0.1"
    nkdash_dagster_port: int = Field(3000, ge=1, le=65535)

    @field_validator("odoo_host")
    @classmethod
    def _bare_host(cls, value: str | None) -> str | None:
        if value and ("/" in value or ":" in value):
            raise ValueError(
                "give the bare host name, e.g. erp.example.com; "
                "the scheme goes into ODOO_PROTOCOL, the port into ODOO_PORT"
            )
        return value

    @field_validator("odoo_ca_file")
    @classmethod
    def _ca_exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"there is no file {value}")
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

    @field_validator("nkdash_companies", mode="before")
    @classmethod
    def _split_companies(cls, value: Any) -> Any:
        return (
            tuple(p for p in value.replace(",", " ").split()) if isinstance(value, str) else value
        )

    @field_validator("nkdash_now")
    @classmethod
    def _aware_now(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone."""
        return ZoneInfo(self.nkdash_timezone)

    @property
    def lake_root(self) -> Path:
        """The lake's folder, absolute."""
        return self.data_lake_root.expanduser().resolve()

    @property
    def warehouse_dir(self) -> Path:
        """Folder of the published warehouse versions, absolute."""
        folder = self.nkdash_warehouse or self.data_lake_root / "warehouse"
        return folder.expanduser().resolve()

    def missing_odoo(self) -> list[str]:
        """The names of the Odoo settings without which Odoo cannot be reached."""
        needed = ("odoo_host", "odoo_db", "odoo_username", "odoo_api_key")
        return [name.upper() for name in needed if getattr(self, name) is None]

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
    problems: list[str] = []
    settings: Settings | None = None
    try:
        settings = Settings()
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']).upper()}: "
            + item["msg"].removeprefix("Value error, ")
            for item in error.errors(include_input=False, include_url=False)
        ]
    if require_odoo:
        # With other fields invalid there is no Settings to ask, so look at the sources by hand.
        missing = settings.missing_odoo() if settings else _missing_in_environment()
        problems += [f"{name} is not set" for name in missing]
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def _missing_in_environment() -> list[str]:
    from dotenv import dotenv_values

    values = {**dotenv_values(".env"), **os.environ}
    needed = ("ODOO_HOST", "ODOO_DB", "ODOO_USERNAME", "ODOO_API_KEY")
    return [name for name in needed if not values.get(name)]
