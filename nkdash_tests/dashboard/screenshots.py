"""``make screenshots``: draw every page for README and docs, light and dark, wide and on a phone.

From the generated retailer with a fixed size, seed and clock, so that drawing again without a
change gives the same files. Dagster's answers on Operations are recorded ones.
"""

import io
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from nkdash.catalog import load_catalog
from nkdash.sandbox.demo_lake import Size, write
from nkdash.settings import Settings
from nkdash.warehouse import publish
from nkdash_tests.dashboard.conftest import FLAGS, Site, Visit
from nkdash_tests.dashboard.dagster_stub import dagster
from nkdash_tests.dashboard.looks import save
from nkdash_tests.dashboard.sights import fronts

IMAGES = Path(__file__).parents[2] / "docs" / "images"
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
FIRST = date(2025, 8, 1)
SIZE = Size(lines=400_000, days=(NOW.date() - FIRST).days, products=1_200, stores=5, seed=1)
WIDE, PHONE = (1440, 1000), (390, 844)
SCHEMES = ("light", "dark")


def draw(folder: Path = IMAGES) -> list[Path]:
    """Draw all pictures into ``folder``; those that look as before keep their bytes."""
    drawn = []
    with _site() as site, sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        window = browser.new_context()
        best = _best_seller(site)
        for place in fronts():
            path = place.path.replace("product=1", f"product={best}")
            for size, words in ((WIDE, ""), (PHONE, "-phone")):
                for scheme in SCHEMES:
                    page = window.new_page()
                    page.set_viewport_size({"width": size[0], "height": size[1]})
                    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                    _draw(Visit(page, site.url), path, folder / f"{place}{words}-{scheme}.png")
                    drawn.append(folder / f"{place}{words}-{scheme}.png")
                    page.close()
        browser.close()
    return drawn


def _draw(seen: Visit, path: str, file: Path) -> None:
    page = seen.open(path)
    problems = [*seen.faults, *page.locator(".message.problem").all_inner_texts()]
    if problems:
        raise RuntimeError(f"{path} is not fit for a picture: {problems}")
    page.evaluate("document.fonts.ready")
    data = page.screenshot(animations="disabled", caret="hide")
    save(Image.open(io.BytesIO(data)).convert("RGB"), file)


def _best_seller(site: Site) -> int:
    with site.warehouse.cursor() as cursor:
        [(product,)] = cursor.execute(
            "SELECT product_id FROM agg_sales_product_daily "
            "GROUP BY product_id ORDER BY sum(revenue_tax_in) DESC, product_id LIMIT 1"
        ).fetchall()
    return int(product)


@contextmanager
def _site() -> Iterator[Site]:
    """The dashboard on a lake of the generated retailer, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="nkdash-screenshots-") as folder, dagster() as stub:
        chosen = Settings(
            _env_file=None,
            data_lake_root=Path(folder) / "lake",
            nkdash_state_dir=Path(folder) / "state",
            nkdash_now=NOW,
            nkdash_start_date=FIRST,
            nkdash_dagster_graphql_url=stub.url,
        )
        catalog = load_catalog(chosen)
        write(chosen, catalog, SIZE)
        publish(chosen, catalog)
        site = Site(chosen)
        yield site
        site.stop()


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    found = draw()
    size = sum(file.stat().st_size for file in found)
    sys.stdout.write(
        f"{len(found)} pictures in {IMAGES.relative_to(Path.cwd())}, {size / 1e6:.1f} MB\n"
    )
