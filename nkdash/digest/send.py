"""Making the digest from the published warehouse, and delivering it."""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from nkdash.digest.figures import gather, why_not
from nkdash.digest.letter import Letter, write
from nkdash.health.notify import UndeliveredError, digest_receivers
from nkdash.kpis.ask import asking
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse


@dataclass
class Sent:
    """Names of who took it, by the receivers' ids, and why whom it could not reach, by name."""

    taken: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def letter(settings: Settings, day: date) -> Letter:
    """The digest of ``day``. Raises NotLoadedError, WarehouseError, duckdb.Error."""
    with contextlib.closing(_reader(settings)) as reader, reader.cursor() as cursor:
        return write(gather(asking(cursor), day), settings)


def why_not_yet(settings: Settings, day: date) -> str | None:
    """Why there is no digest of ``day`` yet, None where there is. Raises WarehouseError."""
    with contextlib.closing(_reader(settings)) as reader, reader.cursor() as cursor:
        return why_not(asking(cursor), day)


def deliver(settings: Settings, of: Letter, told: Collection[str] = ()) -> Sent:
    """Send it to every receiver but those whose ids are ``told``; one that fails stops no other."""
    sent = Sent()
    for receiver in digest_receivers(settings):
        if receiver.id in told:
            continue
        try:
            receiver.send(of)
        except UndeliveredError as error:
            sent.failed[receiver.name] = str(error)
        else:
            sent.taken[receiver.id] = receiver.name
    return sent


def _reader(settings: Settings) -> Warehouse:
    return Warehouse(settings.warehouse_dir, cache_dir=settings.warehouse_cache)
