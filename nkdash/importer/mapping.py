"""What the old lake calls things: a TOML file where names differ from Odoo's.

[datasets.pos_order_lines]
folder = "pos_lines"          # below raw/
days = "utc"                  # how its days were cut: "utc" (default) or "local"
columns = { "order_id.date_order" = "order_date", qty = "quantity" }
constants = { company_id = 1 }
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from nkdash.datasets.spec import Dataset


class MappingError(Exception):
    """The mapping file cannot be used; names the cause."""


@dataclass(frozen=True)
class Renames:
    """One dataset in the old lake: folder names to try, columns and constants by our raw name."""

    folders: tuple[str, ...]
    days: Literal["utc", "local"] = "utc"
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str | int | float | bool] = field(default_factory=dict)


class _Dataset(BaseModel):
    model_config = ConfigDict(extra="forbid")

    folder: str | None = None
    days: Literal["utc", "local"] = "utc"
    columns: dict[str, str] = {}
    constants: dict[str, bool | int | float | str] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    datasets: dict[str, _Dataset] = {}


def read_mapping(path: Path | None, datasets: tuple[Dataset, ...]) -> dict[str, Renames]:
    """The names of every dataset: those of the file, else the usual ones. Raises MappingError."""
    given: dict[str, _Dataset] = {}
    if path is not None:
        try:
            given = _File.model_validate(tomllib.loads(path.read_text())).datasets
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise MappingError(f"the mapping file {path} cannot be read: {error}") from error
        except ValidationError as error:
            words = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise MappingError(f"the mapping file {path} is wrong: {words}") from error
    known = {dataset.name: dataset for dataset in datasets}
    if strange := sorted(given.keys() - known.keys()):
        raise MappingError(f"{path} names datasets {strange}; known: {sorted(known)}")
    for name, dataset in given.items():
        columns = set(known[name].raw_table.schema)
        if wrong := sorted((dataset.columns.keys() | dataset.constants.keys()) - columns):
            raise MappingError(
                f"{path}: {name} has no columns {wrong}; left of the '=' stands ours "
                "(docs/upgrade.md tells how to list them)"
            )
    return {name: _renames(dataset, given.get(name)) for name, dataset in known.items()}


def _renames(dataset: Dataset, given: _Dataset | None) -> Renames:
    given = given or _Dataset()
    model = dataset.source.model.replace(".", "_")
    usual = dict.fromkeys(
        [dataset.name, dataset.name.removesuffix("s"), model, f"{model}s", dataset.source.model]
    )
    folders = (given.folder,) if given.folder else tuple(usual)
    return Renames(folders, given.days, given.columns, given.constants)
