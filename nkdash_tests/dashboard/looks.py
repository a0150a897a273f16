"""Pictures of pages: how one is taken, kept small, and compared with the one kept before.

Text is drawn a little differently by every build of Chromium. So pictures are compared coarsely:
each cell of CELL x CELL pixels by its mean colour. Smoothing moves a mean by little; a card that
moved, is missing or has another colour moves many by much. (Measured on the overview: text drawn
with other smoothing or weight 0.0000, figures 2 pixels smaller 0.0047, another accent 0.015.)
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

HALF = 2
"""Pictures are kept at half their size."""
CELL = 8
SHADES = 10
"""How far the mean of a cell may be off in any channel, of 255."""
SHARE = 0.002
"""How many of the cells may be further off."""
COLOURS = 256


def shrunk(picture: Image.Image) -> Image.Image:
    """At the size that pictures are kept in."""
    return picture.convert("RGB").reduce(HALF)


def compact(picture: Image.Image) -> Image.Image:
    """With few colours and without dither: a flat page needs no more, and compresses well."""
    return picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)


def load(path: Path) -> Image.Image:
    """A picture that was kept."""
    with Image.open(path) as kept:
        return kept.convert("RGB")


def save(picture: Image.Image, path: Path) -> None:
    """Keep a picture; one that looks as before keeps its bytes, so that it is no change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not differs(load(path), picture):
        return
    compact(picture).save(path, optimize=True)


def difference(kept: Image.Image, found: Image.Image) -> float:
    """Share of the cells that differ; 1 where the sizes do."""
    if kept.size != found.size:
        return 1.0
    off = ImageChops.difference(_coarse(kept), _coarse(found))
    return float((np.asarray(off).max(axis=2) > SHADES).mean())


def differs(kept: Image.Image, found: Image.Image) -> str:
    """What is wrong with ``found``, in words; empty where it looks like ``kept``."""
    if kept.size != found.size:
        return f"it is {found.size[0]} x {found.size[1]}, not {kept.size[0]} x {kept.size[1]}"
    share = difference(kept, found)
    return "" if share <= SHARE else f"{share:.2%} of it looks different"


def _coarse(picture: Image.Image) -> Image.Image:
    return picture.convert("RGB").reduce(CELL)
