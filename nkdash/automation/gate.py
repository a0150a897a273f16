"""Whether Odoo may be asked now: schedules and sensors that load ask here first."""

import dagster as dg

from nkdash.settings import Settings


def why_closed(instance: dg.DagsterInstance, settings: Settings) -> str | None:
    """None where Odoo may be asked; else the sentence why not."""
    return None
