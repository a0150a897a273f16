"""Logs as JSON, one object a line, where ``NKDASH_LOG_FORMAT`` says so; else they stay as they are.

``time`` (UTC), ``level``, ``logger``, ``message``, and where known ``run_id``, ``job``, ``step``,
``asset``, ``event``, ``first_day`` and ``last_day`` (business days), ``error``. No line holds a
secret of the settings.
"""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from nkdash.settings import Settings, SettingsError, load_settings

HIDDEN = "…"
OURS = ("nkdash", "dashboard")
_DAGSTER = "dagster_meta"
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_DAY = "dagster/partition"


class JsonFormatter(logging.Formatter):
    """A record as a line of JSON. Knows what Dagster adds to the records of runs."""

    def __init__(self, secrets: Sequence[str] | None = None) -> None:
        super().__init__()
        self._secrets = secrets_of(load_settings()) if secrets is None else list(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        meta: Mapping[str, Any] = getattr(record, _DAGSTER, None) or {}
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": meta.get("orig_message") or record.getMessage(),
            **_of_run(meta),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(_without(line, self._secrets), ensure_ascii=False, default=str)


def _of_run(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What Dagster says of the run, the step and the event that a record is about."""
    tags = meta.get("job_tags") or {}
    event = meta.get("dagster_event")
    key = getattr(event, "asset_key", None) if event else None
    error = getattr(getattr(event, "event_specific_data", None), "error", None)
    told = {
        "run_id": meta.get("run_id"),
        "job": meta.get("job_name"),
        "step": meta.get("step_key"),
        "asset": "/".join(key.path) if key else None,
        # Dagster's old name of runs lives on in the names of its events.
        "event": event.event_type_value.replace("PIPELINE_", "RUN_") if event else None,
        "first_day": getattr(event, "partition", None) or tags.get(_FIRST) or tags.get(_DAY),
        "last_day": getattr(event, "partition", None) or tags.get(_LAST) or tags.get(_DAY),
        "error": error.to_string() if error else None,
    }
    return {name: value for name, value in told.items() if value}


def _without(line: Mapping[str, Any], secrets: Sequence[str]) -> dict[str, Any]:
    clean = {}
    for name, value in line.items():
        for secret in secrets:
            value = value.replace(secret, HIDDEN) if isinstance(value, str) else value
        clean[name] = value
    return clean


def secrets_of(settings: Settings) -> list[str]:
    """The values of all secrets that are set, longest first."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    return sorted(filter(None, found), key=len, reverse=True)


def configure() -> None:
    """Set this process's logs up as the settings say; does nothing for text or wrong settings.

    Ours are told from INFO on, those of libraries from WARNING on, to standard error.
    """
    try:
        settings = load_settings()
    except SettingsError:
        return
    if settings.nkdash_log_format != "json":
        return
    handler = _handler(secrets_of(settings))
    # What Dagster captured for a run it writes itself, by the logger of the run.
    handler.addFilter(lambda record: not hasattr(record, _DAGSTER))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)


def configure_dagster(settings: Settings) -> None:
    """The same in a process that loads our definitions: its runs and sensors tell JSON too."""
    if settings.nkdash_log_format != "json":
        return
    import dagster._core.definitions.instigation_logger as of_sensors
    import dagster._loggers as of_runs

    secrets = secrets_of(settings)

    def console_logger(name: str, level: int | str) -> logging.Logger:
        made = logging.getLoggerClass()(name, level)
        made.addHandler(_handler(secrets))
        return made

    # A run without configured loggers, as a backfill has none, can be given no other one.
    of_runs.create_console_logger = console_logger  # type: ignore[attr-defined]
    of_sensors.create_console_logger = console_logger  # type: ignore[attr-defined]
    configure()


def _handler(secrets: Sequence[str]) -> logging.Handler:
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(JsonFormatter(secrets))
    return handler


class _Stderr:
    """Standard error as it is when a line is written: Dagster swaps it around a step."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def dagster_options() -> list[str]:
    """What makes Dagster's own programs tell JSON; nothing for text."""
    try:
        as_json = load_settings().nkdash_log_format == "json"
    except SettingsError:
        return []
    return ["--log-format", "json"] if as_json else []


def gunicorn_config() -> dict[str, Any]:
    """gunicorn's own lines as JSON: the value of its ``logconfig_dict``."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "nkdash.logs.JsonFormatter"}},
        "handlers": {"json": {"class": "logging.StreamHandler", "formatter": "json"}},
        "loggers": {"gunicorn.error": {"handlers": ["json"], "level": "INFO", "propagate": False}},
    }
