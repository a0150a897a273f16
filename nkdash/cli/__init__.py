"""The command line: ``nkdash``. One module a command; what is slow to import waits for its use."""


def main() -> None:
    """Run ``nkdash``; exits with 0 (ok), 1 (failed), 2 (wrong usage) or 130 (interrupted)."""
    from nkdash.cli.app import app

    app(prog_name="nkdash")
