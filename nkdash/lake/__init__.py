"""The Parquet lake: where a partition lies, and how it is written whole or not at all."""

from nkdash.lake.files import (
    EXTRACTED_AT,
    Footer,
    LakeWriteError,
    Layer,
    NotInLakeError,
    PartitionFile,
    days_present,
    list_days,
    list_table,
    partition_path,
    read_footer,
    scan_days,
    scan_table,
    table_path,
    write_days,
    write_table,
)

__all__ = [
    "EXTRACTED_AT",
    "Footer",
    "LakeWriteError",
    "Layer",
    "NotInLakeError",
    "PartitionFile",
    "days_present",
    "list_days",
    "list_table",
    "partition_path",
    "read_footer",
    "scan_days",
    "scan_table",
    "table_path",
    "write_days",
    "write_table",
]
