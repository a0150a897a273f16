"""Backups: one archive with the lake, the settings, Dagster's and the dashboard's memory; and back.

The warehouse is not in it: publish makes it again from the lake.
"""

from nkdash.backup.archive import Header, verify
from nkdash.backup.create import BackupReport, back_up
from nkdash.backup.errors import BackupError
from nkdash.backup.keys import Key, parse_key
from nkdash.backup.restore import RestoreReport, restore

__all__ = [
    "BackupError",
    "BackupReport",
    "Header",
    "Key",
    "RestoreReport",
    "back_up",
    "parse_key",
    "restore",
    "verify",
]
