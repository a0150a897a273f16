"""CSV of a whole table: every row of the query behind it, as numbers, in the order shown."""

from collections.abc import Sequence

import polars as pl
from flask import Flask, Response, abort, request

from dashboard.context import open_context
from dashboard.data.session import Data
from dashboard.i18n import texts
from dashboard.sections import Page, all_tables
from dashboard.state import parse
from dashboard.tables import whole
from nkdash.settings import Settings
from nkdash.warehouse import WarehouseError

# A spreadsheet takes text that begins so for a formula.
_FORMULA = r"^[=+\-@\t\r]"


def add_export(server: Flask, settings: Settings, data: Data, pages: Sequence[Page]) -> None:
    """Serve /export/<table>.csv with the page's own query string."""

    @server.get("/export/<name>.csv")
    def export(name: str) -> Response:
        table = all_tables(pages).get(name)
        if table is None:
            abort(404)
        state = parse(request.query_string.decode())
        try:
            with open_context(settings, data, texts("en"), "/sales", state) as ctx:
                frame = whole(ctx, table, state.sort)
                first, last = ctx.period.first, ctx.period.last
        except WarehouseError as error:
            return Response(f"{error}\n", status=503, mimetype="text/plain")
        file = f"nkdash-{name}-{first}-{last}.csv"
        return Response(
            # The mark makes spreadsheets read UTF-8.
            b"\xef\xbb\xbf" + safe(frame).write_csv().encode(),
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )


def safe(frame: pl.DataFrame) -> pl.DataFrame:
    """With an apostrophe before text that a spreadsheet would run as a formula."""
    text = pl.col(pl.String)
    return frame.with_columns(
        pl.when(text.str.contains(_FORMULA)).then("'" + text).otherwise(text).name.keep()
    )
