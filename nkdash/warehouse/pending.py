"""What lies in the lake and is not published yet."""

from nkdash.catalog import Catalog
from nkdash.lake import Layer
from nkdash.settings import Settings
from nkdash.warehouse import manifest, quarantine
from nkdash.warehouse.manifest import Entry
from nkdash.warehouse.reader import Warehouse


def pending(settings: Settings, catalog: Catalog, warehouse: Warehouse) -> list[Entry]:
    """The lake's files whose content the published version does not hold, but for days held back.

    Raises WarehouseError, duckdb.Error.
    """
    with warehouse.cursor() as connection:
        known = manifest.read(connection)
        held = quarantine.held_days(connection)
    files = manifest.list_lake(settings.lake_root, catalog)
    entries = manifest.describe(files, known, catalog)
    return [
        entry
        for key, entry in manifest.hold_back(entries, known, held).items()
        if entry.layer != Layer.QUALITY and (key not in known or known[key].footer != entry.footer)
    ]
