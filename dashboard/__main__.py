"""``python -m dashboard``: serve the dashboard with the settings of the environment."""

import sys

from dashboard.access import Login, login_mode
from dashboard.secret import SecretError, secret_key
from dashboard.serve import serve
from nkdash.logs import configure
from nkdash.settings import SettingsError, load_settings

if __name__ == "__main__":
    try:
        chosen = load_settings()
        # Told here: a worker that cannot start would be told by a traceback.
        if login_mode(chosen) is Login.USERS:
            secret_key(chosen)
    except (SettingsError, SecretError) as error:
        sys.exit(str(error))
    configure()
    serve(chosen)
