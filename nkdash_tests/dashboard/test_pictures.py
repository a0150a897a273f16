"""Every page looks as it did: at two widths, in two themes, against the pictures kept here.

After a change that is meant, look at the page and draw its pictures anew:
``pytest nkdash_tests/dashboard/test_pictures.py --update-pictures``.
"""

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page

from nkdash_tests.dashboard.conftest import Visit, reveal
from nkdash_tests.dashboard.looks import differs, load, save, shrunk
from nkdash_tests.dashboard.sights import Place, fronts
from nkdash_tests.dashboard.test_axe import scheme_of, turn

pytestmark = pytest.mark.browser

KEPT = Path(__file__).parent / "pictures"
TALLEST = 2400
WIDTHS = (1440, 390)
# Dates come from NKDASH_NOW; this is what only the clock of the machine moves.
MASKED = "[data-clock]"


def taken(page: Page) -> Image.Image:
    """The whole page, as far down as TALLEST, in the size that pictures are kept in."""
    page.evaluate("document.fonts.ready")
    reveal(page)
    page.mouse.move(0, 0)
    data = page.screenshot(
        full_page=True, animations="disabled", caret="hide", mask=[page.locator(MASKED)]
    )
    picture = Image.open(io.BytesIO(data))
    return shrunk(picture.crop((0, 0, picture.width, min(picture.height, TALLEST))))


@pytest.mark.parametrize("place", fronts(), ids=str)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_looks_as_it_did(
    tour: Visit, place: Place, width: int, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    page = tour.page
    page.set_viewport_size({"width": width, "height": 900})
    tour.go(place.path)
    found = {scheme_of(page): taken(page)}
    other = turn(page)
    found[other] = taken(page)
    wrong = {}
    for scheme, picture in found.items():
        kept = KEPT / f"{place}-{width}-{scheme}.png"
        if pytestconfig.getoption("--update-pictures", default=False):
            save(picture, kept)
        elif not kept.exists():
            wrong[kept.name] = "there is no picture yet: --update-pictures"
        elif why := differs(load(kept), picture):
            picture.save(tmp_path / kept.name)
            wrong[kept.name] = f"{why}; now it is {tmp_path / kept.name}"
    assert wrong == {}


CHANGES = {
    "a card that moved": ".tiles { position: relative; top: 8px }",
    "a card that is missing": "#page .grid > :last-child { visibility: hidden }",
    "another accent": ":root { --nk-accent: #7a3d9a !important; }",
    "another background": ":root { --nk-page: #ebebe7 !important }",
    "smaller figures": ".tile-value { font-size: 22px !important }",
}
SMOOTHING = {
    "text drawn more exactly": "body { text-rendering: geometricPrecision }",
    "text drawn with other weight": "body { -webkit-text-stroke: 0.15px }",
}


def _before_and_after(tour: Visit, style: str) -> tuple[Image.Image, Image.Image]:
    page = tour.page
    page.set_viewport_size({"width": 1440, "height": 900})
    tour.go("/")
    before = taken(page)
    tag = page.add_style_tag(content=style)
    after = taken(page)
    tag.evaluate("(tag) => tag.remove()")
    return before, after


@pytest.mark.parametrize("style", CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_look_is_found(tour: Visit, style: str) -> None:
    assert differs(*_before_and_after(tour, style))


@pytest.mark.parametrize("style", SMOOTHING.values(), ids=SMOOTHING)
def test_another_way_of_drawing_text_is_no_change(tour: Visit, style: str) -> None:
    before, after = _before_and_after(tour, style)
    assert before.tobytes() != after.tobytes()
    assert differs(before, after) == ""


def test_a_kept_picture_is_small_and_still_itself(tour: Visit, tmp_path: Path) -> None:
    tour.go("/")
    found = taken(tour.page)
    save(found, tmp_path / "overview.png")
    assert (tmp_path / "overview.png").stat().st_size < 100_000
    assert differs(load(tmp_path / "overview.png"), found) == ""
