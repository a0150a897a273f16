"""CSV and Excel of a whole table: every row of the query behind it, as numbers, in its order."""

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import duckdb
import polars as pl
from flask import Flask, Response, abort, jsonify, request, send_file
from flask.typing import ResponseReturnValue

from dashboard import workbook
from dashboard.access import current_user
from dashboard.audit import Audit
from dashboard.context import Context, open_context
from dashboard.data.scope import WithheldError
from dashboard.data.session import Data
from dashboard.export_jobs import BusyError, Jobs, NoJobError
from dashboard.i18n import Texts, texts
from dashboard.sections import Page
from dashboard.state import parse
from dashboard.store import StoreError
from dashboard.tables import Table, count, whole
from nkdash.settings import Settings
from nkdash.warehouse import WarehouseError

IN_BACKGROUND = 20_000
"""An Excel file of more rows is made in the background."""

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# A spreadsheet takes text that begins so for a formula.
_FORMULA = r"^[=+\-@\t\r]"


def add_export(
    server: Flask, settings: Settings, data: Data, pages: Sequence[Page], audit: Audit
) -> None:
    """Serve /export/<table>.csv and .xlsx with the page's own query string, and long exports.

    POST /export/<table>.xlsx begins one; /export/jobs/<name> tells how far it is, and
    /export/jobs/<name>/file is the workbook.
    """
    jobs = Jobs(settings.state_dir / "exports")

    def opened(stack: ExitStack, name: str) -> tuple[Context, Table]:
        for page in pages:
            for table in page.tables.values():
                if table.name == name:
                    state = parse(request.query_string.decode())
                    ctx = open_context(
                        settings, data, _language(), page.path, state, page.tax, page.filters
                    )
                    return stack.enter_context(ctx), table
        abort(404)

    def told(ctx: Context, table: Table, kind: str, rows: int) -> None:
        audit.exported(table.name, kind, ctx.path, ctx.state, rows, ctx.session.version)

    @server.get("/export/<name>.csv")
    def csv(name: str) -> ResponseReturnValue:
        with ExitStack() as stack:
            ctx, table = opened(stack, name)
            told(ctx, table, "csv", count(ctx, table))
            frames = ctx.session.frames(whole(ctx, table, ctx.state.sort))
            first = next(frames)
            # The context lives until the last row has been sent.
            rows = _csv(chain([first], frames), stack.pop_all())
            return Response(rows, mimetype="text/csv", headers=_attached(ctx, name, "csv"))

    @server.get("/export/<name>.xlsx")
    def excel(name: str) -> ResponseReturnValue:
        with ExitStack() as stack:
            ctx, table = opened(stack, name)
            total = count(ctx, table)
            if total > IN_BACKGROUND:
                return _said(ctx.t("export.large", rows=f"{total:,}"), 413)
            told(ctx, table, "xlsx", total)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "table.xlsx"
                frames = ctx.session.frames(whole(ctx, table, ctx.state.sort))
                workbook.write(path, sheet(ctx, table), frames)
                body = path.read_bytes()
            return Response(body, mimetype=EXCEL, headers=_attached(ctx, name, "xlsx"))

    @server.post("/export/<name>.xlsx")
    def begin(name: str) -> ResponseReturnValue:
        with ExitStack() as stack:
            ctx, table = opened(stack, name)
            total = count(ctx, table)
            if total > workbook.MOST_ROWS:
                return _said(ctx.t("export.too_large", rows=f"{total:,}"), 413)
            told(ctx, table, "xlsx", total)
            frames = ctx.session.frames(whole(ctx, table, ctx.state.sort))
            try:
                job = jobs.start(
                    _owner(),
                    _file(ctx, name, "xlsx"),
                    total,
                    sheet(ctx, table),
                    frames,
                )
            except BusyError as error:
                return _said(ctx.t("export.yours" if error.own else "export.busy"), 429)
            except OSError as error:
                return _said(ctx.t("export.no_room", why=error.strerror), 507)
            return jsonify(job=job, rows=total), 202

    @server.get("/export/jobs/<job>")
    def progress(job: str) -> ResponseReturnValue:
        try:
            now = jobs.progress(_owner(), job)
        except NoJobError:
            return _said(_language()("export.gone"), 404)
        return jsonify(state=now.state, rows=now.rows, written=now.written, words=now.words)

    @server.get("/export/jobs/<job>/file")
    def file(job: str) -> ResponseReturnValue:
        try:
            path, name = jobs.file(_owner(), job)
        except NoJobError:
            return _said(_language()("export.gone"), 404)
        return send_file(path, mimetype=EXCEL, as_attachment=True, download_name=name)

    server.register_error_handler(WarehouseError, lambda error: _said(str(error), 503))
    server.register_error_handler(StoreError, lambda error: _said(str(error), 503))
    server.register_error_handler(WithheldError, lambda error: _said(str(error), 403))
    server.register_error_handler(
        duckdb.Error, lambda error: _said(str(error).splitlines()[0], 500)
    )


def _owner() -> str:
    """Whose a long export is: who may see fewer stores by now is not given what he saw before."""
    user = current_user()
    return f"{user.name} {user.scope}"


def _language() -> Texts:
    return texts(request.cookies.get("nkdash_lang", ""))


def _said(words: str, status: int) -> Response:
    return Response(f"{words}\n", status=status, mimetype="text/plain")


def _file(ctx: Context, name: str, kind: str) -> str:
    return f"nkdash-{name}-{ctx.period.first}-{ctx.period.last}.{kind}"


def _attached(ctx: Context, name: str, kind: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{_file(ctx, name, kind)}"'}


def _csv(frames: Iterator[pl.DataFrame], stack: ExitStack) -> Iterator[bytes]:
    with stack:
        for place, frame in enumerate(frames):
            text = io.BytesIO()
            if place == 0:
                # The mark makes spreadsheets read UTF-8.
                text.write(b"\xef\xbb\xbf")
            safe(frame).write_csv(text, include_header=place == 0)
            yield text.getvalue()


def safe(frame: pl.DataFrame) -> pl.DataFrame:
    """With an apostrophe before text that a spreadsheet would run as a formula."""
    text = pl.col(pl.String)
    return frame.with_columns(
        pl.when(text.str.contains(_FORMULA)).then("'" + text).otherwise(text).name.keep()
    )


def sheet(ctx: Context, table: Table) -> workbook.Sheet:
    """Titles as the page has them, and what the figures are of."""
    filters = [
        (ctx.t(f"filter.{kind}"), ", ".join(ctx.label(kind, i) for i in ids))
        for kind, ids in ctx.state.filters.items()
    ]
    companies = ", ".join(
        ctx.names.companies[i].name for i in ctx.selection.companies if i in ctx.names.companies
    )
    return workbook.Sheet(
        title=ctx.t(f"table.{table.name}"),
        columns=tuple((c.name, ctx.t(f"column.{c.name}"), c.kind) for c in table.columns),
        about=(
            (ctx.t(f"table.{table.name}"), ctx.t(f"explain.table:{table.name}")),
            (ctx.t("explain.range"), ctx.days(ctx.period)),
            (ctx.t("filter.company"), companies),
            *filters,
            (ctx.t("filter.tax"), ctx.t(f"tax.{ctx.selection.tax}")),
            (ctx.t("export.currency"), ctx.currency.code),
            (ctx.t("trust.as_of"), ctx.moment(ctx.coverage.as_of)),
            (ctx.t("trust.version"), str(ctx.session.version)),
        ),
        decimals=ctx.currency.decimals,
    )
