"""The room that talks to Odoo: transport, paging, decoding, errors. It knows no dataset.

The Dagster face is :mod:`nkdash.odoo.resource`, imported on its own.
"""

from nkdash.odoo.client import OdooClient
from nkdash.odoo.connection import OdooConnection
from nkdash.odoo.decode import DTYPES, FieldInfo
from nkdash.odoo.errors import (
    OdooAccessError,
    OdooConfigurationError,
    OdooCredentialsError,
    OdooError,
    OdooRequestError,
    OdooSchemaError,
    OdooTimeLimitError,
    OdooWriteRefusedError,
    PermanentOdooError,
    TransientOdooError,
)
from nkdash.odoo.server_version import ServerVersion
from nkdash.odoo.stats import Stats, StatsSnapshot

__all__ = [
    "DTYPES",
    "FieldInfo",
    "OdooAccessError",
    "OdooClient",
    "OdooConfigurationError",
    "OdooConnection",
    "OdooCredentialsError",
    "OdooError",
    "OdooRequestError",
    "OdooSchemaError",
    "OdooTimeLimitError",
    "OdooWriteRefusedError",
    "PermanentOdooError",
    "ServerVersion",
    "Stats",
    "StatsSnapshot",
    "TransientOdooError",
]
