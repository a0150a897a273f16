"""``nkdash doctor`` on S3: whether a bucket is reached, written, read, listed and cleaned up."""

import uuid
from contextlib import suppress

from upath import UPath

from nkdash.lake import s3
from nkdash.odoo.doctor import Check


def usable(name: str, place: UPath, *, conditional: bool) -> Check:
    """Whether an object can be put, read, listed and deleted in ``place``.

    With ``conditional`` also whether the server honours a PUT with If-None-Match, which keeps two
    publishers from flipping the pointer at the same time.
    """
    probe = place / f".nkdash-doctor-{uuid.uuid4().hex}"
    content = b"probe"
    try:
        s3.put(probe, content, if_new=True)
        try:
            honoured = not conditional or not _replaces(probe)
            there = s3.get(probe) == content
            listed = any(item.name == probe.name for item in s3.listing(place, deep=False))
        finally:
            s3.delete(probe)
    except (s3.S3Error, FileNotFoundError) as error:
        remedy = "Mend that, then run nkdash doctor again."
        return Check(name, False, f"{place} cannot be used: {error}", remedy)
    if not (there and listed):
        return Check(
            name,
            False,
            f"{place} does not show at once what was put there",
            "Use an S3 server that is strongly consistent, as Amazon's is.",
        )
    if not honoured:
        return Check(
            name,
            None,
            f"{place} can be written, but the server ignores If-None-Match",
            "Set NKDASH_POSTGRES_URL, so that publishers wait for one another, or let only one "
            "machine publish.",
        )
    return Check(name, True, f"{place} can be written, read, listed and cleaned up")


def _replaces(probe: UPath) -> bool:
    """Whether a PUT that must not replace anything replaces it all the same."""
    with suppress(s3.LostRaceError):
        s3.put(probe, s3.get(probe), if_new=True)
        return True
    return False
