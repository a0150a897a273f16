"""What the simulated daemon loads: NKDash's definitions with the settings of now."""

from functools import cache

import dagster as dg

from nkdash.definitions import build_definitions
from nkdash.settings import load_settings


@cache
def repository() -> dg.RepositoryDefinition:
    """As a code server keeps it; another one begins with ``repository.cache_clear()``."""
    return build_definitions(load_settings()).get_repository_def()
