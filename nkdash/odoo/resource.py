"""Odoo for Dagster: a client from the settings at run time, and errors that Dagster can weigh."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from nkdash.odoo.client import OdooClient
from nkdash.odoo.errors import OdooError, PermanentOdooError, TransientOdooError
from nkdash.settings import load_settings

REFUSAL_SECONDS = 20.0
POOL = "odoo"
"""Dagster's concurrency pool of the steps that call Odoo."""


@contextmanager
def dagster_errors() -> Iterator[None]:
    """Let only transient Odoo errors reach the step's retry policy; all else fails it at once.

    Raises dagster.Failure with ``allow_retries=False``.
    """
    try:
        yield
    except (TransientOdooError, dg.Failure, dg.RetryRequested):
        raise
    except PermanentOdooError as error:
        raise dg.Failure(
            description=str(error),
            metadata={
                "error": type(error).__name__,
                "odoo_call": error.where,
                "odoo_exception": error.name or "",
                "remedy": error.remedy,
            },
            allow_retries=False,
        ) from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise dg.Failure(description=reason, allow_retries=False) from error


class OdooResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One client for all steps of a run, opened when it is first asked for.

    Holds no configuration, so Dagster's UI has no secret to show.
    """

    _client: OdooClient | None = PrivateAttr(default=None)
    _refusal: OdooError | None = PrivateAttr(default=None)
    _refused_at: float = PrivateAttr(default=0.0)

    @contextmanager
    def client(self) -> Iterator[OdooClient]:
        """The run's client on the Odoo that the settings name.

        Odoo errors raised inside are translated as in :func:`dagster_errors`. A wrong or missing
        setting (nkdash.settings.SettingsError) fails the step at once too.
        """
        with dagster_errors():
            client = self._connected()
            try:
                yield client
            except TransientOdooError:
                # Odoo may be gone: the next step finds out by connecting, not by a long read.
                self._close()
                raise

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the client at the end of the run."""
        self._close()

    def _connected(self) -> OdooClient:
        """The open client. What kept one step from connecting keeps the others a while too, so
        that an Odoo that is down is not waited for once a step."""
        if self._refusal and time.monotonic() - self._refused_at < REFUSAL_SECONDS:
            raise self._refusal
        if self._client is None:
            client = OdooClient(load_settings(require_odoo=True).odoo_connection())
            try:
                client.companies()
            except OdooError as error:
                client.close()
                self._refusal, self._refused_at = error, time.monotonic()
                raise
            self._client, self._refusal = client, None
        return self._client

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
