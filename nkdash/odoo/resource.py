"""Odoo for Dagster: opens clients from the settings at run time, and translates errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from nkdash.odoo.client import OdooClient
from nkdash.odoo.errors import PermanentOdooError, TransientOdooError
from nkdash.settings import load_settings


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
    """Opens a client per step. Holds no configuration, so Dagster's UI has no secret to show."""

    @contextmanager
    def client(self) -> Iterator[OdooClient]:
        """A client on the Odoo that the settings name, closed at the end.

        Odoo errors raised inside are translated as in :func:`dagster_errors`.
        Raises nkdash.settings.SettingsError when the settings do not suffice.
        """
        connection = load_settings(require_odoo=True).odoo_connection()
        with dagster_errors(), OdooClient(connection) as client:
            yield client
