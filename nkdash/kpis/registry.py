"""All KPIs and their families, and questions about them by name."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache

import nkdash.kpis
from nkdash.discovery import offers
from nkdash.kpis.model import Family, Kpi, KpiError, Query
from nkdash.kpis.periods import Grain
from nkdash.kpis.selection import Selection


@cache
def families() -> Mapping[str, Family]:
    """Every family by name, in alphabetical order of their modules."""
    found = [make() for make in offers(nkdash.kpis, "family")]
    return {family.name: family for family in found}


@cache
def kpis() -> Mapping[str, Kpi]:
    """Every KPI by name. Raises ValueError where two families use one name."""
    found: dict[str, Kpi] = {}
    for family in families().values():
        for kpi in family.kpis:
            if kpi.name in found:
                raise ValueError(f"two KPIs are named {kpi.name}")
            found[kpi.name] = kpi
    return found


def kpi(name: str) -> Kpi:
    """The KPI of that name. Raises KpiError."""
    if name not in kpis():
        near = get_close_matches(name, kpis(), n=3)
        meant = f"did you mean {' or '.join(near)}?" if near else "nothing has such a name."
        raise KpiError(f"There is no KPI {name}; {meant} `nkdash kpi --list` tells all.")
    return kpis()[name]


def family_of(*names: str) -> Family:
    """The family that measures all of these KPIs. Raises KpiError."""
    wanted = {kpi(name) for name in names}
    for family in families().values():
        if wanted <= set(family.kpis):
            return family
    raise KpiError(f"{', '.join(names)} are not measured together; ask for each by itself.")


def trend(names: tuple[str, ...], selection: Selection, grain: Grain) -> Query:
    """KPIs of one family by day, week or month: see Family.trend. Raises KpiError."""
    family = family_of(*names)
    if family.trend is None:
        raise KpiError(f"{names[0]} is known for the end of a range only, not by {grain}.")
    return family.trend(selection, tuple(map(kpi, names)), grain)


def measure(names: tuple[str, ...], selection: Selection, by: tuple[str, ...] = ()) -> Query:
    """KPIs of one family by dimensions: see Family.measure. Raises KpiError."""
    return family_of(*names).measure(selection, tuple(map(kpi, names)), by)


def measure_each(names: tuple[str, ...], selection: Selection, kinds: tuple[str, ...]) -> Query:
    """KPIs of one family by several dimensions in one question: see Family.measure_each.

    Raises KpiError.
    """
    family = family_of(*names)
    if family.measure_each is None:
        raise KpiError(f"{names[0]} cannot be told by several dimensions at once.")
    return family.measure_each(selection, tuple(map(kpi, names)), kinds)
