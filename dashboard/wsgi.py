"""WSGI entry: ``gunicorn dashboard.wsgi:server``; settings come from the environment."""

from dashboard.app import create_app, warm_up
from nkdash.settings import load_settings
from nkdash.warehouse import Warehouse

settings = load_settings()
app = create_app(settings, Warehouse(settings.warehouse_dir, poll_seconds=0))
warm_up(app)
server = app.server
