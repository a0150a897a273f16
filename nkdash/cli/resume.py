"""``nkdash resume``: ask Odoo again after it refused the connection for good."""

import warnings

import typer


def resume() -> None:
    """Log in to Odoo once; where it takes that, schedules and sensors load again, at once.

    Needed only after a mend in Odoo itself: changed settings are tried without it. Exit code 1
    where Odoo still refuses.
    """
    from nkdash.cli.console import console
    from nkdash.home import prepare_home
    from nkdash.settings import load_settings

    settings = load_settings(require_odoo=True)
    prepare_home()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg

        from nkdash.automation import gate
        from nkdash.automation.missing import forget_attempts

        with dg.DagsterInstance.get() as instance:
            reason = gate.try_again(instance, settings.odoo_connection())
            if reason is None:
                forget_attempts(instance)
    if reason:
        console().print(f"[bold red]Still closed[/] {reason}", soft_wrap=True)
        raise typer.Exit(1)
    console().print("Odoo takes the connection; schedules and sensors load again.")
