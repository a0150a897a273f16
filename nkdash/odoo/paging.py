"""Cutting id lists into pages. Pure functions."""

import math
from collections.abc import Iterator, Sequence

Limits = tuple[tuple[str, str, int], tuple[str, str, int]]


def chunks(ids: Sequence[int], size: int) -> list[Sequence[int]]:
    """``ids`` in as few runs of at most ``size`` as possible, of nearly equal length."""
    if not ids:
        return []
    pages = math.ceil(len(ids) / size)
    length = math.ceil(len(ids) / pages)
    return [ids[start : start + length] for start in range(0, len(ids), length)]


def id_ranges(after: int, ids: Sequence[int], size: int) -> Iterator[Limits]:
    """Domain terms ``after < id <= last`` that part ascending ``ids`` into pages of ``size``.

    The ranges touch but never overlap, so no record can come twice, and one that appears between
    two known ids is still found. Nothing here counts rows: deletions shift no page.
    """
    for page in chunks(ids, size):
        yield ("id", ">", after), ("id", "<=", page[-1])
        after = page[-1]
