"""What the simulated daemon loads: NKDash's definitions with the settings of now."""

import dagster as dg

from nkdash.definitions import build_definitions
from nkdash.settings import load_settings


def repository() -> dg.RepositoryDefinition:
    """Built anew for each run and each daemon, as a process of their own would."""
    return build_definitions(load_settings()).get_repository_def()
