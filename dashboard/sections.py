"""The shape of a page: its tabs and sections, each drawn by one function of a Context."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dashboard.context import Context
from dashboard.i18n import Texts
from dashboard.tables import Table
from nkdash.kpis.model import Query, TaxBasis
from nkdash.kpis.selection import FILTERS

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

    ``tables`` are the grids that tabs end with, by tab. ``explains`` gives the question behind a
    card, by key: the card asks for ``<page>.<key>``, and the text of that name says what it shows.
    ``rows`` names the tab with the rows behind a family of KPIs. ``filters`` are those that its
    figures know; the others are shown as not applied. With ``own`` the page draws its tabs itself
    and has no sections. Without ``in_nav`` it is reached by links only. ``tax`` is the basis of its
    money where the URL names none.
    """

    name: str
    path: str
    icon: str
    order: int
    tabs: Mapping[str, tuple[Section, ...]]
    tables: Mapping[str, Table] = field(default_factory=dict)
    explains: Mapping[str, Callable[[Context], Query]] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)
    filters: tuple[str, ...] = FILTERS
    own: Own | None = None
    in_nav: bool = True
    tax: TaxBasis = TaxBasis.IN

    def tab(self, asked: str) -> str:
        """``asked`` where the page has it, else its first tab."""
        return asked if asked in self.tabs else next(iter(self.tabs))


def all_tables(pages: Sequence[Page]) -> Mapping[str, Table]:
    """Every table of every page by name, which is also its name in an export."""
    return {table.name: table for page in pages for table in page.tables.values()}
