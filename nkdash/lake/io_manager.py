"""Dagster's face of the lake: partition ranges in, lazy frames out, whole files or nothing."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import dagster as dg
import polars as pl
from dagster_polars import BasePolarsUPathIOManager

from nkdash import clock
from nkdash.contracts import ContractViolationError, Table
from nkdash.lake.files import (
    EXTRACTED_AT,
    LakeWriteError,
    Layer,
    NotInLakeError,
    scan_days,
    scan_table,
    write_days,
    write_table,
)
from nkdash.lake.place import LakePath
from nkdash.lake.s3 import S3RefusedError

RUN_ROWS, RUN_BYTES = "run/rows", "run/bytes_written"
LAYER_OF_KEY = {"raw": Layer.RAW, "clean": Layer.CLEAN, "star": Layer.STAR}


class LakeIOManager(BasePolarsUPathIOManager):
    """Assets ``raw/…``, ``clean/…``, ``star/…`` in and out of the lake.

    dagster-polars' own Parquet manager refuses an output of several partitions, writes to the
    final path, and puts a sample of rows into the event log; writing and scanning are ours.
    A broken contract and a day that was never loaded fail the step for good (dagster.Failure);
    LakeWriteError may be tried again, unless S3 refuses.
    """

    _root: LakePath
    _tables: Mapping[tuple[str, ...], Table]

    def __init__(self, root: LakePath, tables: Mapping[tuple[str, ...], Table]) -> None:
        super().__init__(base_dir=str(root))
        self._root = root
        self._tables = tables

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        """Write a frame: one file a day of the asked range, or the one file of a dimension."""
        table = self._tables[tuple(context.asset_key.path)]
        layer = LAYER_OF_KEY[context.asset_key.path[0]]
        sizes: list[int] = []
        kept: dict[str, Any] = {"as_of": _as_of(obj), "on_file": sizes.append}
        started = time.perf_counter()
        with _permanent(ContractViolationError, LakeWriteError):
            if table.partitioned:
                write_days(self._root, layer, table, obj, _days(context), **kept)
            else:
                write_table(self._root, layer, table, obj, **kept)
                context.add_output_metadata({"dagster/row_count": obj.height})
        context.add_output_metadata(
            {
                # Of all days of the run, beside each day's own rows.
                RUN_ROWS: obj.height,
                RUN_BYTES: sum(sizes),
                "run/write_seconds": round(time.perf_counter() - started, 3),
            }
        )

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Exactly the asked days of an asset, or a whole dimension, lazily."""
        table = self._tables[tuple(context.asset_key.path)]
        layer = LAYER_OF_KEY[context.asset_key.path[0]]
        with _permanent(NotInLakeError, S3RefusedError):
            if table.partitioned:
                return scan_days(self._root, layer, table, _days(context))
            return scan_table(self._root, layer, table)

    def write_df_to_path(self, context: dg.OutputContext, df: pl.DataFrame, path: Any) -> None:
        """Not reached: handle_output writes whole ranges."""
        raise NotImplementedError

    def sink_df_to_path(self, context: dg.OutputContext, df: pl.LazyFrame, path: Any) -> None:
        """Not reached: handle_output writes whole ranges."""
        raise NotImplementedError

    def scan_df_from_path(self, path: Any, context: dg.InputContext) -> pl.LazyFrame:
        """Not reached: load_input scans whole ranges."""
        raise NotImplementedError


@contextmanager
def _permanent(*error_types: type[Exception]) -> Iterator[None]:
    """Fail the step at once: trying again cannot mend these kinds of error."""
    try:
        yield
    except error_types as error:
        if isinstance(error, LakeWriteError) and not error.permanent:
            raise
        raise dg.Failure(description=str(error), allow_retries=False) from error


def _days(context: dg.OutputContext | dg.InputContext) -> Sequence[date]:
    return [date.fromisoformat(key) for key in context.asset_partition_keys]


def _as_of(frame: pl.DataFrame) -> datetime:
    """When the source was read: kept in raw rows, else now."""
    if EXTRACTED_AT in frame.columns and frame.height:
        earliest = frame.get_column(EXTRACTED_AT).min()
        if isinstance(earliest, datetime):
            return earliest
    return clock.machine_now().replace(tzinfo=None)
