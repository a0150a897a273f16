"""What can go wrong with a backup."""


class BackupError(Exception):
    """A backup or restore cannot be done; names cause and remedy. Nothing was put in place."""
