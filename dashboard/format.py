"""Moved to nkdash.kpis.format; import it from there. This forwarding goes away."""

from nkdash.kpis.format import *  # noqa: F403
