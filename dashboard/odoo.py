"""Where a record is found in Odoo."""

from nkdash.settings import DEFAULT_PORT, DEFAULT_TLS_PORT, Settings


def record_url(settings: Settings, model: str, record: int | None) -> str | None:
    """The form of a record in Odoo's own pages; None without a record or an ODOO_HOST.

    Odoo 14 to 17 show this address; from 18 on it leads on to /odoo/<model>/<id>.
    """
    if record is None or not settings.odoo_host:
        return None
    tls = settings.odoo_protocol.endswith("+ssl")
    host = f"[{settings.odoo_host}]" if ":" in settings.odoo_host else settings.odoo_host
    port = settings.odoo_port or (DEFAULT_TLS_PORT if tls else DEFAULT_PORT)
    place = f"id={record}&model={model}&view_type=form"
    return f"{'https' if tls else 'http'}://{host}:{port}/web#{place}"
