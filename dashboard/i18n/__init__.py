"""The texts of the dashboard: all files of a language's folder; English is the fallback.

Titles and words of KPIs are told by nkdash.kpis.words.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from nkdash.kpis.words import words

LANGUAGES = {"en": "English", "id": "Bahasa Indonesia"}
DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class Texts:
    """The texts of one language."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text of ``key`` with ``{name}`` filled in. Raises KeyError for an unknown key."""
        return self.texts[key].format(**values) if values else self.texts[key]

    def __hash__(self) -> int:
        return hash(self.language)


def texts(language: str) -> Texts:
    """The catalogue of ``language``; English for one that is not known."""
    # Whatever a cookie says, no more is kept than there are languages.
    return _catalogue(language if language in LANGUAGES else DEFAULT_LANGUAGE)


@cache
def _catalogue(language: str) -> Texts:
    return Texts(language, {**_read(DEFAULT_LANGUAGE), **_read(language)})


def _read(language: str) -> dict[str, str]:
    found = dict(words(language))
    for file in sorted(files(__name__).joinpath(language).iterdir(), key=lambda f: f.name):
        found |= json.loads(file.read_text(encoding="utf-8"))
    return found
