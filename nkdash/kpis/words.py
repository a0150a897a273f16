"""Titles and words of KPIs in every language: English from the registry, others from ``i18n``."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from nkdash.kpis.registry import kpis


@cache
def words(language: str) -> Mapping[str, str]:
    """``kpi.<name>.title`` and ``kpi.<name>.words`` of every KPI; English where it has no others.

    A language is the name of a folder in ``i18n``; its files are merged.
    """
    found: dict[str, str] = {}
    for name, kpi in kpis().items():
        found |= {f"kpi.{name}.title": kpi.title, f"kpi.{name}.words": kpi.words}
    folder = files("nkdash.kpis").joinpath("i18n", language)
    if folder.is_dir():
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            found |= json.loads(file.read_text(encoding="utf-8"))
    return found


def title(language: str, name: str) -> str:
    """The title of a KPI in a language."""
    return words(language)[f"kpi.{name}.title"]
