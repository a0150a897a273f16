"""The shape of a page: its tabs and sections, each drawn by one function of a Context."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.context import Context
from dashboard.i18n import Texts

if TYPE_CHECKING:
    from dash import Dash

    from dashboard.callbacks import Server


@dataclass(frozen=True)
class Section:
    """A part of a page with one callback of its own; tiles that share a query share it.

    ``height`` in pixels keeps its place while it loads, so that nothing jumps.
    """

    name: str
    render: Callable[[Context], Any]
    height: int = 320


@dataclass(frozen=True)
class Own:
    """What a page has beyond sections: ``frame`` gives the parts of a tab that stay while its
    sections are drawn anew, ``register`` adds its callbacks.
    """

    frame: Callable[["Server", Texts, str], Sequence[Any]]
    register: Callable[["Dash", "Server"], None]


@dataclass(frozen=True)
class Page:
    """One page. ``tabs`` maps each tab to its sections; the first is the default.

    ``table`` names the grid that a tab ends with, by tab. With ``own`` the page draws its tabs
    itself and has no sections.
    """

    name: str
    path: str
    icon: str
    order: int
    tabs: Mapping[str, tuple[Section, ...]]
    tables: Mapping[str, str]
    own: Own | None = None

    def tab(self, asked: str) -> str:
        """``asked`` where the page has it, else its first tab."""
        return asked if asked in self.tabs else next(iter(self.tabs))
