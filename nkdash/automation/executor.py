"""Where the steps of a run are executed: in its own process, or on Celery workers."""

import dagster as dg

from nkdash.settings import Settings, SettingsError


def executor(settings: Settings) -> dg.ExecutorDefinition:
    """One process a run, since a process a step costs more than most steps take; with
    ``NKDASH_EXECUTOR=celery`` the workers on ``NKDASH_CELERY_BROKER`` share its steps.

    Raises SettingsError where Celery lacks its broker or its packages.
    """
    if settings.nkdash_executor == "in_process":
        return dg.in_process_executor
    if settings.nkdash_celery_broker is None:
        raise SettingsError(["NKDASH_CELERY_BROKER is not set, which NKDASH_EXECUTOR=celery needs"])
    try:
        from dagster_celery import celery_executor
    except ImportError as error:
        raise SettingsError(
            ["NKDASH_EXECUTOR=celery needs more packages: pip install 'nkdash[celery]'"]
        ) from error
    url = settings.nkdash_celery_broker.get_secret_value()
    return celery_executor.configured({"broker": url, "backend": url})
