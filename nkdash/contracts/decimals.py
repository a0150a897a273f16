"""Decimals of money: two, or those of the retailer's currency where it has more (KWD has three).

Fixed when the process starts, since the types of all tables hang on it.
"""

import os

from dotenv import dotenv_values

NAME = "NKDASH_MONEY_DECIMALS"
FEWEST, MOST = 2, 6


def money_decimals() -> int:
    """``NKDASH_MONEY_DECIMALS`` from the environment or .env; what Settings refuses counts as 2."""
    text = (os.environ.get(NAME) or dotenv_values(".env").get(NAME) or "").strip()
    return int(text) if text.isdecimal() and FEWEST <= int(text) <= MOST else FEWEST


MONEY_DECIMALS = money_decimals()
