"""The commands of ``nkdash``, put together."""

import typer

from nkdash.cli.alert_test import alert_test
from nkdash.cli.backfill import backfill
from nkdash.cli.backup import backup
from nkdash.cli.demo import demo
from nkdash.cli.demo_lake import demo_lake
from nkdash.cli.dictionary import dictionary
from nkdash.cli.digest import digest
from nkdash.cli.doctor import doctor
from nkdash.cli.errors import Reported
from nkdash.cli.health import ForMonitoring, health
from nkdash.cli.import_lake import import_lake
from nkdash.cli.kpi import kpi
from nkdash.cli.publish import publish
from nkdash.cli.query import query
from nkdash.cli.reconcile import reconcile
from nkdash.cli.restatements import restatements
from nkdash.cli.restore import restore
from nkdash.cli.resume import resume
from nkdash.cli.sandbox import sandbox
from nkdash.cli.status import status
from nkdash.cli.tidy import tidy
from nkdash.cli.timings import timings
from nkdash.cli.up import up
from nkdash.cli.user import user

app = typer.Typer(
    cls=Reported,
    help="Odoo to a Parquet lake, a DuckDB warehouse and a dashboard.",
    no_args_is_help=True,
    # Locals in a traceback could show the API key.
    pretty_exceptions_enable=False,
)
for command in (demo, doctor, backfill, reconcile, publish, status, query, dictionary, up, sandbox):
    app.command()(command)
app.command()(backup)
app.command()(restore)
app.command()(import_lake)
app.command("demo-lake")(demo_lake)
app.command()(tidy)
app.command(cls=ForMonitoring)(health)
app.command("alert-test")(alert_test)
app.command()(timings)
app.command()(resume)
app.command()(restatements)
app.command()(kpi)
app.command()(digest)
app.add_typer(user, name="user")
