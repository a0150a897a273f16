"""``<NAME>_FILE``: a setting read from a file, as Docker or systemd hand out secrets."""

from collections.abc import Collection, Mapping
from pathlib import Path

SUFFIX = "_FILE"


def read_secret_files(
    names: Collection[str], environment: Mapping[str, str | None]
) -> tuple[dict[str, str], list[str]]:
    """The settings that ``environment`` gives as files: values by setting, and problems.

    ``names`` are all settings, in lower case; those of ``environment`` are in upper case. Line
    ends after the value are cut off. A file that is missing, empty or unreadable is a problem, and
    so is a setting given both ways; a problem names variable and path, never what the file holds.
    """
    values: dict[str, str] = {}
    problems: list[str] = []
    for name in names:
        setting, variable = name.upper(), name.upper() + SUFFIX
        path = environment.get(variable)
        # Some settings end in _FILE themselves.
        if not path or variable.lower() in names:
            continue
        if environment.get(setting):
            problems.append(f"{setting} and {variable} are both set; keep one of them")
            continue
        try:
            values[name] = _read(Path(path).expanduser())
        except ValueError as error:
            problems.append(f"{variable}: {error}")
    return values, problems


def _read(path: Path) -> str:
    """What the file holds. Raises ValueError saying what is wrong with it."""
    try:
        value = path.read_text("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        # Its own message would show a byte of the secret.
        raise ValueError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error
    if not value.strip():
        raise ValueError(f"{path} is empty")
    return value
