from nkdash_tests.cli.conftest import Nkdash


def test_resume_opens_only_where_odoo_takes_the_login(nkdash: Nkdash) -> None:
    refused = nkdash("resume", ODOO_API_KEY="another-key")
    assert refused.exit_code == 1
    assert "ODOO_API_KEY" in refused.stdout
    taken = nkdash("resume")
    assert taken.exit_code == 0, taken.stdout + taken.stderr
    assert "load again" in taken.stdout
