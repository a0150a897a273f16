"""How to reach one Odoo: plain values, no behaviour. The API key never shows in repr."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

Protocol = Literal["auto", "auto+ssl", "json2", "json2+ssl", "jsonrpc", "jsonrpc+ssl"]


@dataclass(frozen=True)
class OdooConnection:
    """Address, credentials and limits of one Odoo. Time-outs and back-off are in seconds.

    ``protocol`` 'auto' is JSON-2 where the server speaks it (19 and later) and takes the key for
    it, else JSON-RPC; ``+ssl`` is over TLS.
    """

    host: str
    port: int
    protocol: Protocol
    db: str
    username: str
    api_key: SecretStr
    ca_file: Path | None = None
    connect_timeout: float = 10
    read_timeout: float = 120
    max_attempts: int = 5
    backoff_seconds: float = 0.5
    page_size: int = 5000
    pages_in_flight: int = 4
    companies: tuple[int, ...] = ()
    timezone: str = "Asia/Jakarta"

    @property
    def tls(self) -> bool:
        """Whether the server is spoken to over TLS."""
        return self.protocol.endswith("+ssl")

    @property
    def api(self) -> str:
        """The protocol without its ``+ssl``: auto, json2 or jsonrpc."""
        return self.protocol.removesuffix("+ssl")

    @property
    def base_url(self) -> str:
        """Scheme, host and port, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"
