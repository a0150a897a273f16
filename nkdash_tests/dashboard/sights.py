"""Where a reader can go: every page and tab as the pages themselves declare them."""

from collections.abc import Mapping
from dataclasses import dataclass

import dashboard.pages
from dashboard.sections import Page
from nkdash.discovery import offers

NEEDED: Mapping[str, str] = {"product": "product=1"}
"""What the link to a page carries that is reached by links only."""


@dataclass(frozen=True)
class Place:
    """A tab of a page and its address; ``tab`` is empty for the first."""

    page: Page
    tab: str

    @property
    def path(self) -> str:
        """The address within the site."""
        query = [NEEDED.get(self.page.name, ""), f"tab={self.tab}" if self.tab else ""]
        search = "&".join(part for part in query if part)
        return self.page.path + (f"?{search}" if search else "")

    def __str__(self) -> str:
        return f"{self.page.name}-{self.tab}" if self.tab else self.page.name


def pages() -> tuple[Page, ...]:
    """Every page, in the order of the navigation."""
    return tuple(sorted((make() for make in offers(dashboard.pages, "page")), key=_order))


def _order(page: Page) -> int:
    return page.order


def places() -> tuple[Place, ...]:
    """Every tab of every page."""
    return tuple(
        Place(page, "" if number == 0 else tab)
        for page in pages()
        for number, tab in enumerate(page.tabs)
    )


def fronts() -> tuple[Place, ...]:
    """The first tab of every page."""
    return tuple(place for place in places() if not place.tab)


def tabs_of(page: Page) -> tuple[Place, ...]:
    """Every tab of a page."""
    return tuple(place for place in places() if place.page.name == page.name)
