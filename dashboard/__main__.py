"""``python -m dashboard``: serve the dashboard with the settings of the environment."""

import sys

from dashboard.access import login_mode
from dashboard.serve import serve
from nkdash.logs import configure
from nkdash.settings import SettingsError, load_settings

if __name__ == "__main__":
    try:
        chosen = load_settings()
        login_mode(chosen)
    except SettingsError as error:
        sys.exit(str(error))
    configure()
    serve(chosen)
