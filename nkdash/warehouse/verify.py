"""What a candidate must fulfil before it is published, and what readers should know of it."""

import duckdb

from nkdash.catalog import Catalog
from nkdash.warehouse import manifest
from nkdash.warehouse.ddl import literal
from nkdash.warehouse.derived import sql_files
from nkdash.warehouse.errors import CheckFailedError
from nkdash.warehouse.load import qualified, star_tables


def read_whole(connection: duckdb.DuckDBPyConnection) -> None:
    """Read every row of a copy, so that damage of the version it came from shows now.

    DuckDB holds each block against its checksum. Raises duckdb.Error.
    """
    tables = connection.execute(
        "SELECT format('{}.\"{}\"', schema_name, table_name) FROM duckdb_tables()"
    ).fetchall()
    for (table,) in tables:
        connection.execute(f"SELECT bit_xor(hash(t)) FROM {table} AS t").fetchall()


def verify(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """Hold the candidate against manifest and ``sql/checks``. Raises CheckFailedError."""
    tables = star_tables(catalog)
    held = " UNION ALL ".join(
        f"SELECT {literal(table.name)} AS table_name, "
        f"{'date' if table.partitioned else 'NULL::DATE'} AS day, count(*) AS rows "
        f"FROM {qualified(table)} GROUP BY ALL"
        for table in tables
    )
    wrong = connection.execute(
        f"""
        WITH told AS (
            SELECT table_name, day, rows FROM {manifest.TABLE}
            WHERE layer = 'star-schema' AND rows > 0 AND table_name IN (SELECT unnest(?))
        ), held AS ({held})
        SELECT coalesce(told.table_name, held.table_name), coalesce(told.day, held.day),
            coalesce(told.rows, 0), coalesce(held.rows, 0)
        FROM told FULL JOIN held
            ON told.table_name = held.table_name AND told.day IS NOT DISTINCT FROM held.day
        WHERE told.rows IS DISTINCT FROM held.rows AND coalesce(told.rows, held.rows) > 0
        ORDER BY ALL LIMIT 3
        """,
        [[table.name for table in tables]],
    ).fetchall()
    if wrong:
        found = "; ".join(
            f"{name}, {day or 'whole'}: {told} in the lake, {here} here"
            for name, day, told, here in wrong
        )
        raise CheckFailedError(
            f"the new version does not hold the lake's rows ({found}); a file's dates may not "
            "match its folder: load those days again (nkdash backfill)"
        )
    for name, query in sql_files("checks").items():
        if rows := connection.execute(query).fetchmany(3):
            raise CheckFailedError(
                f"the check {name} of the new version failed, e.g. {rows}; this is a fault of "
                "NKDash or of the data: please report it with those rows"
            )


def remarks(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> list[str]:
    """Sentences on what the snapshot lacks: tables never loaded, and the rows of ``sql/notes``."""
    names = connection.execute(
        f"SELECT DISTINCT table_name FROM {manifest.TABLE} WHERE layer = 'star-schema'"
    ).fetchall()
    loaded = {name for (name,) in names}
    notes = [
        f"{table.name} was never loaded: it is empty"
        for table in star_tables(catalog)
        if table.name not in loaded
    ]
    for query in sql_files("notes").values():
        notes += [note for (note,) in connection.execute(query).fetchall()]
    return notes
