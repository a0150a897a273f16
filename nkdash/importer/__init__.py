"""Raw Parquet of an older system, cut into UTC days, into our lake: history is not read again."""

from nkdash.importer.mapping import MappingError, Renames, read_mapping
from nkdash.importer.run import ImportedDay, ImportReport, Outcome, import_lake

__all__ = [
    "ImportReport",
    "ImportedDay",
    "MappingError",
    "Outcome",
    "Renames",
    "import_lake",
    "read_mapping",
]
