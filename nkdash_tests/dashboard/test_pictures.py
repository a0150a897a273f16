"""Every page looks as it did: at two widths, in two themes, against the pictures kept here.

After a change that is meant, look at the page and draw its pictures anew:
``pytest nkdash_tests/dashboard/test_pictures.py --update-pictures``.
"""

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page

from nkdash_tests.dashboard.conftest import Open, Visit
from nkdash_tests.dashboard.pictures import difference, differs, save
from nkdash_tests.dashboard.sights import Place, fronts
from nkdash_tests.dashboard.test_axe import turn_dark

pytestmark = pytest.mark.browser

KEPT = Path(__file__).parent / "pictures"
# What the clock of the machine shows, and where a server of these tests listens.
MASKED = "[data-clock], .ops-problem"
TALLEST = 2400


def taken(page: Page) -> Image.Image:
    """The whole page, as far as it is looked at, without what the clock moves."""
    page.evaluate("document.fonts.ready")
    page.mouse.move(0, 0)
    data = page.screenshot(
        full_page=True,
        animations="disabled",
        caret="hide",
        mask=[page.locator(MASKED)],
        clip=None,
    )
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    return picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
