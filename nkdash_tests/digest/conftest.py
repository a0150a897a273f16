from collections.abc import Callable, Iterator

import duckdb
import pytest

from nkdash.kpis.ask import Ask, asking
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse
from nkdash_tests.dashboard.shop import Shop, make_shop, publish_shop
from nkdash_tests.health.conftest import instance, webhook
from nkdash_tests.health.test_notify import Mailbox, served

__all__ = ["instance", "webhook"]


@pytest.fixture(scope="session")
def shop() -> Shop:
    """The small retailer of the dashboard's tests."""
    return make_shop()


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Settings:
    """Settings of its published warehouse; nobody is to get a digest."""
    return publish_shop(tmp_path_factory.mktemp("lake"), shop)


@pytest.fixture
def cursor(published: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    warehouse = Warehouse(published.warehouse_dir)
    with warehouse.cursor() as found:
        yield found
    warehouse.close()


@pytest.fixture
def ask(cursor: duckdb.DuckDBPyConnection) -> Ask:
    """Questions to the retailer's warehouse."""
    return asking(cursor)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server that takes everything."""
    yield from served(Mailbox())


@pytest.fixture
def mailing(published: Settings, mailbox: Mailbox) -> Callable[..., Settings]:
    """Settings that send the digest to two people by e-mail, with changes."""

    def make(**changes: object) -> Settings:
        mail = {
            "nkdash_smtp_host": "127.0.0.1",
            "nkdash_smtp_port": mailbox.port,
            "nkdash_smtp_tls": "none",
            "nkdash_alert_email_from": "nkdash@example.com",
            "nkdash_digest_to": ("ann@example.com", "bob@example.com"),
        }
        return Settings(_env_file=None, **{**published.model_dump(), **mail, **changes})

    return make
