"""Which Odoo answers."""

import re
from dataclasses import dataclass
from typing import Self

JSON2_SINCE = 19
"""The first Odoo that speaks JSON-2."""

JSON_RPC_UNTIL = 21
"""The last Odoo that speaks JSON-RPC."""


@dataclass(frozen=True)
class ServerVersion:
    """``major`` as in 17, ``serie`` as Odoo writes it (``17.0``, ``saas~17.2``)."""

    major: int
    serie: str

    @classmethod
    def from_serie(cls, serie: str) -> Self:
        """Read Odoo's own writing; ``major`` is 0 where it holds no number."""
        digits = re.search(r"\d+", serie)
        return cls(major=int(digits.group()) if digits else 0, serie=serie)
