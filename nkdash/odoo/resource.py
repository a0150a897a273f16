"""Odoo for Dagster: a client from the settings at run time, and errors that Dagster can weigh."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._utils import interrupts
from pydantic import PrivateAttr

from nkdash.automation import dead_runs, gate
from nkdash.odoo.client import OdooClient
from nkdash.odoo.connection import OdooConnection
from nkdash.odoo.errors import (
    OdooCredentialsError,
    OdooError,
    OdooTimeLimitError,
    PermanentOdooError,
    TransientOdooError,
)
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
    _instance: dg.DagsterInstance | None = PrivateAttr(default=None)
    _run_id: str | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Note whose run this is."""
        self._instance = context.instance
        self._run_id = context.run.run_id if context.run else None
        if context.instance and context.run:
            dead_runs.mark(context.instance, context.run)

    @contextmanager
    def client(self) -> Iterator[OdooClient]:
        """The run's client on the Odoo that the settings name.

        Odoo errors raised inside are translated as in :func:`dagster_errors`. A wrong or missing
        setting (nkdash.settings.SettingsError) fails the step at once too, and so does a step that
        takes longer than ``NKDASH_STEP_MINUTES``.
        """
        with dagster_errors(), self._cancels():
            settings = load_settings(require_odoo=True)
            client = self._connected(settings.odoo_connection())
            try:
                with client.time_limit(settings.nkdash_step_minutes, "NKDASH_STEP_MINUTES"):
                    yield client
            except (TransientOdooError, OdooTimeLimitError):
                # Odoo may be gone: the next step finds out by connecting, not by a long read.
                self._close()
                raise
            except OdooCredentialsError as error:
                self._refuse(settings.odoo_connection(), error)
                raise

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the client at the end of the run."""
        self._close()

    def _connected(self, connection: OdooConnection) -> OdooClient:
        """The open client. What kept one step from connecting keeps the others a while too, so
        that an Odoo that is down is not waited for once a step; what Odoo refused for good, every
        step of every run until the gate opens."""
        if self._refusal and time.monotonic() - self._refused_at < REFUSAL_SECONDS:
            raise self._refusal
        if self._client is None:
            self._stop_if_refused(connection)
            client = OdooClient(connection)
            try:
                client.companies()
            except OdooError as error:
                client.close()
                if isinstance(error, PermanentOdooError):
                    self._refuse(connection, error)
                self._refusal, self._refused_at = error, time.monotonic()
                raise
            self._client, self._refusal = client, None
        return self._client

    def _stop_if_refused(self, connection: OdooConnection) -> None:
        """Raise OdooCredentialsError where Odoo does not take them: to log in again is in vain, and
        may lock the user out."""
        refusal = gate.refused(self._instance, connection) if self._instance else None
        if refusal and refusal.until is None:
            raise OdooCredentialsError(refusal.message, remedy=refusal.remedy)

    def _refuse(self, connection: OdooConnection, error: PermanentOdooError) -> None:
        if self._instance:
            gate.refuse(self._instance, connection, error)

    @contextmanager
    def _cancels(self) -> Iterator[None]:
        """End the run where somebody asked for that, rather than have the step tried again."""
        try:
            yield
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt) as stop:
            if not self._is_canceling():
                raise
            # A retry policy would take the cancel for a fault and go on after a wait. This
            # fails the step for good, and leaves the interrupt to end the run at the next.
            interrupts._received_interrupt["received"] = True
            raise dg.Failure("Cancelled while Odoo was read.", allow_retries=False) from stop

    def _is_canceling(self) -> bool:
        """Whether somebody asked for the end of this run."""
        if self._instance is None or self._run_id is None:
            return False
        run = self._instance.get_run_by_id(self._run_id)
        return run is not None and run.status is dg.DagsterRunStatus.CANCELING

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
