"""The checks of ``nkdash doctor``: settings, Odoo against the catalog, lake, warehouse, disk."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from nkdash import clock
from nkdash.catalog import Catalog, load_catalog
from nkdash.cli import bucket
from nkdash.contracts import MONEY_DECIMALS
from nkdash.datasets.extract import model_here, name_here
from nkdash.datasets.spec import Field
from nkdash.lake import is_remote
from nkdash.odoo import OdooClient, OdooError
from nkdash.odoo.doctor import Check
from nkdash.odoo.doctor import checks as odoo_checks
from nkdash.settings import Settings, SettingsError, load_settings

# Model and field to the model that the field points to; None where Odoo has no such field.
Relation = Callable[[str, str], str | None]

# Each model with its fields; True where NKDash cannot do without the field.
Needs = Mapping[str, Mapping[str, bool]]

LINE_MODEL = "pos.order.line"
SAMPLED_LINES = 5_000
REPEATS_FROM = 0.9
ENOUGH_DISK_BYTES = 2 * 1024**3


def all_checks() -> list[Check]:
    """Every check that can be made; without all settings what is wrong with those, and folders."""
    try:
        settings = load_settings(require_odoo=True)
    except SettingsError as error:
        found = [
            Check("settings", False, problem, "Set it in the environment or in .env.")
            for problem in error.problems
        ]
        with suppress(SettingsError):
            found += folders(load_settings())
        return found
    return [
        *settings_checks(settings),
        *reading_odoo(settings, load_catalog(settings)),
        *folders(settings),
    ]


def settings_checks(settings: Settings) -> Iterator[Check]:
    """Settings that are valid one by one, but make no sense today."""
    today = clock.today(settings)
    if settings.nkdash_start_date > today:
        yield Check(
            "settings",
            False,
            f"NKDASH_START_DATE {settings.nkdash_start_date} lies in the future (today: {today})",
            "Set it to the first day that you want to see.",
        )
        return
    yield Check("settings", True, f"complete; business days in {settings.nkdash_timezone}")
    if settings.nkdash_now:
        yield Check(
            "clock",
            None,
            f"NKDASH_NOW stops the clock at {settings.nkdash_now.isoformat()}",
            "Leave it unset outside of tests.",
        )


def reading_odoo(settings: Settings, catalog: Catalog) -> list[Check]:
    """What Odoo says to everything that the catalog reads from it."""
    connection = settings.odoo_connection()
    with OdooClient(connection) as client:

        def relation(model: str, field: str) -> str | None:
            found = client.fields_get(model).get(field)
            return found.relation if found else None

        try:
            models = needs(catalog, relation)
        except OdooError:
            # Whatever it is, the checks below meet it too and name it.
            models = needs(catalog, lambda model, field: None)
        found = odoo_checks(connection, as_named_here(client, models))
        if not any(check.ok is False for check in found):
            found += currency_decimals(client)
        field = settings.nkdash_pos_discount_field
        if field and not any(check.ok is False for check in found):
            found.append(discount_field(client, field))
    return found


def needs(catalog: Catalog, relation: Relation) -> dict[str, dict[str, bool]]:
    """Each model that is read, with its fields; True where NKDash cannot do without the field.

    Dotted names are taken apart: ``order_id.state`` is a field of what ``order_id`` points to.
    """
    models: dict[str, dict[str, bool]] = {}
    for dataset in catalog.datasets:
        _collect(models, dataset.source.model, dataset.source.fields, relation)
    for dimension in catalog.dimensions:
        _collect(models, dimension.model, dimension.fields, relation, optional=dimension.optional)
    return models


def as_named_here(client: OdooClient, models: Needs) -> dict[str, dict[str, bool]]:
    """``models`` under the names that this Odoo's version gives them and their fields."""
    here: dict[str, dict[str, bool]] = {}
    for newest, fields in models.items():
        try:
            model = model_here(client, newest)
            known = client.fields_get(model)
        except OdooError:
            # Whatever it is, the checks meet it too and name it.
            model, known = newest, {}
        here[model] = {name_here(newest, f, known) or f: need for f, need in fields.items()}
    return here


def _collect(
    models: dict[str, dict[str, bool]],
    model: str,
    fields: Iterable[Field],
    relation: Relation,
    *,
    optional: bool = False,
) -> None:
    known = models.setdefault(model, {})
    for field in fields:
        head, _, rest = field.name.partition(".")
        required = field.required and not optional
        if head:
            known[head] = known.get(head, False) or required
        if rest and (related := relation(model, head)):
            inner = Field(rest, field.dtype, field.description, field.required)
            _collect(models, related, [inner], relation, optional=optional)


def currency_decimals(client: OdooClient) -> Iterator[Check]:
    """Whether the companies' currencies have more decimals than amounts are kept with."""
    companies = client.read_ids("res.company", client.companies(), ["currency_id"])
    ids = companies.get_column("currency_id").drop_nulls().to_list()
    currencies = client.read_ids("res.currency", ids, ["name", "decimal_places"])
    for _, name, decimals in currencies.rows():
        if decimals > MONEY_DECIMALS:
            yield Check(
                "currency",
                False,
                f"{name} has {decimals} decimals, amounts are kept with {MONEY_DECIMALS}",
                f"Set NKDASH_MONEY_DECIMALS={decimals}, then load anew.",
            )


def discount_field(client: OdooClient, field: str) -> Check:
    """Whether NKDASH_POS_DISCOUNT_FIELD says anything that ``discount`` (%) does not say already.

    Looks at the newest lines. Taking off the same discount twice would be wrong.
    """
    name = "discount field"
    try:
        newest = client.newest(LINE_MODEL, [field])
        last = newest.item(0, "id") if newest.height else 0
        lines = client.search_read(
            LINE_MODEL,
            [("id", ">", last - SAMPLED_LINES), (field, "!=", 0)],
            ["price_unit", "qty", "discount", field],
        )
    except OdooError as error:
        return Check(name, False, error.message, error.remedy)
    if lines.is_empty():
        return Check(
            name, None, f"{field} is 0 on the newest lines: cannot tell whether it is right"
        )
    repeated = (
        lines["price_unit"] * lines["qty"] * lines["discount"] / 100 - lines[field]
    ).abs() < 1
    share = float(repeated.sum()) / lines.height
    if share >= REPEATS_FROM:
        return Check(
            name,
            None,
            f"{field} merely repeats what discount % took on {share:.0%} of {lines.height:,} lines",
            "Unset NKDASH_POS_DISCOUNT_FIELD, or these discounts are taken off twice.",
        )
    return Check(name, True, f"{field} repeats discount % on {share:.0%} of {lines.height:,} lines")


def folders(settings: Settings) -> list[Check]:
    """Whether lake and warehouse can be written, and the disk beneath has room."""
    lake, warehouse, local = settings.lake_root, settings.warehouse_dir, settings.warehouse_cache
    found = [
        bucket.usable("lake", lake, conditional=False)
        if is_remote(lake)
        else writable("lake", lake, "DATA_LAKE_ROOT"),
    ]
    if is_remote(warehouse):
        found += [
            bucket.usable("warehouse", warehouse, conditional=True),
            writable("warehouse cache", local, "NKDASH_WAREHOUSE_CACHE"),
        ]
    else:
        found.append(writable("warehouse", warehouse, "NKDASH_WAREHOUSE"))
        local = warehouse
    return [*found, disk(local if is_remote(lake) else lake)]


def writable(name: str, folder: Path, setting: str) -> Check:
    """Whether a file can be written, renamed and deleted in ``folder``, which is made if absent."""
    probe = folder / f".nkdash-doctor-{uuid.uuid4().hex}"
    renamed = probe.with_suffix(".renamed")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"probe")
        os.replace(probe, renamed)
        renamed.unlink()
    except OSError as error:
        probe.unlink(missing_ok=True) if folder.is_dir() else None
        return Check(
            name,
            False,
            f"{folder} cannot be written: {error.strerror or error}",
            f"Mend the folder's rights, or set {setting} to a folder that can be written.",
        )
    return Check(name, True, f"{folder} can be written")


def disk(folder: Path) -> Check:
    """Whether the disk beneath ``folder`` has room."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    words = f"{free / 1024**3:,.1f} GiB free"
    if free < ENOUGH_DISK_BYTES:
        return Check("disk", None, words, "Free some: publishing copies the warehouse each time.")
    return Check("disk", True, words)
