"""``python -m nkdash.cli``."""

from nkdash.cli import main

main()
