"""WSGI entry: ``gunicorn dashboard.wsgi:server``; settings come from the environment."""

from dashboard.app import create_app, warm_up
from nkdash.settings import load_settings
from nkdash.warehouse import Warehouse

settings = load_settings()
app = create_app(settings, Warehouse(settings.warehouse_dir, 0, settings.warehouse_cache))
warm_up(app)
server = app.server
