"""An older system's raw files, made from what Odoo said, come in as if they were loaded today."""

import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from nkdash.catalog import Catalog, load_catalog
from nkdash.contracts import conform
from nkdash.datasets.spec import Dataset
from nkdash.importer import ImportReport, MappingError, Outcome, import_lake, read_mapping
from nkdash.importer.convert import cast_column, needed_columns
from nkdash.lake import EXTRACTED_AT, Layer, list_days, read_footer, scan_days, write_days
from nkdash.settings import Settings, load_settings
from nkdash.standing import State, standing

READ_AT = datetime(2026, 11, 1, tzinfo=UTC)
FIRST, LAST = date(2026, 10, 10), date(2026, 10, 14)


@pytest.fixture
def settings(settings_env: pytest.MonkeyPatch) -> Settings:
    return load_settings()


@pytest.fixture
def catalog(settings: Settings) -> Catalog:
    return load_catalog(settings)


def dataset_of(catalog: Catalog, name: str) -> Dataset:
    return next(d for d in catalog.datasets if d.name == name)


def orders(catalog: Catalog, settings: Settings) -> pl.DataFrame:
    """An order every two hours of UTC, drafts among them, in our raw contract."""
    table = dataset_of(catalog, "pos_orders").raw_table
    start = datetime(2026, 10, 10)  # noqa: DTZ001
    instants = [start + timedelta(hours=2 * n) for n in range(12 * 5)]
    frame = pl.DataFrame({"date_order": instants}, schema={"date_order": pl.Datetime("us")})
    local = pl.col("date_order") + timedelta(hours=7)
    made = frame.with_row_index("id", 1).with_columns(
        pl.col("id").cast(pl.Int64),
        date=local.cast(pl.Date),
        name=pl.format("Shop/{}", "id"),
        state=pl.when(pl.col("id") % 5 == 0).then(pl.lit("draft")).otherwise(pl.lit("paid")),
        company_id=pl.lit(1, pl.Int64),
        config_id=pl.col("id").cast(pl.Int64) % 3 + 1,
        session_id=pl.lit(4, pl.Int64),
        user_id=pl.lit(2, pl.Int64),
        partner_id=pl.when(pl.col("id") % 2 == 0).then(pl.lit(9, pl.Int64)),
        account_move=pl.lit(None, pl.Int64),
        currency_rate=pl.lit(1.0),
        amount_total=pl.col("id") * 1000.5,
        amount_tax=pl.col("id") * 100.0,
        amount_paid=pl.col("id") * 1000.5,
        amount_return=pl.lit(0.0),
        write_date=pl.col("date_order"),
        **{EXTRACTED_AT: pl.lit(READ_AT.replace(tzinfo=None), pl.Datetime("us"))},
    )
    absent = [pl.lit(None, d).alias(n) for n, d in table.schema.items() if n not in made.columns]
    return conform(made.with_columns(absent), table)


def as_old(frame: pl.DataFrame) -> pl.DataFrame:
    """As an old script kept Odoo's answer: [id, name], False as text, times as text."""
    return frame.select(
        "id",
        "name",
        "state",
        pl.col("date_order").dt.strftime("%Y-%m-%d %H:%M:%S"),
        pl.concat_list(pl.col("company_id").cast(pl.String), pl.lit("Shop Ltd")).alias(
            "company_id"
        ),
        pl.format("[{}, 'Till']", "config_id").alias("config_id"),
        pl.struct(id="session_id", name=pl.lit("S/4")).alias("session_id"),
        pl.col("user_id").cast(pl.Float64),
        pl.col("partner_id").cast(pl.String).fill_null("False"),
        pl.lit(False).alias("account_move"),
        "currency_rate",
        pl.col("amount_total").cast(pl.String),
        pl.col("amount_tax").cast(pl.Decimal(18, 2)),
        "amount_paid",
        pl.lit(0).alias("amount_return"),
        pl.col("write_date").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Jakarta"),
        pl.lit("kept by the old system").alias("remark"),
    )


def write_old(lake: Path, name: str, frame: pl.DataFrame, instant: str = "date_order") -> None:
    """Cut by UTC days, as the old system did."""
    days = frame.get_column(instant).cast(pl.Date)
    for day in days.unique().sort():
        write_old_day(lake, name, day, as_old(frame.filter(days == day)))


def write_old_day(lake: Path, name: str, day: date, frame: pl.DataFrame) -> Path:
    folder = (
        lake / "raw" / name / f"year={day.year}" / f"month={day.month:02}" / f"day={day.day:02}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "data.parquet"
    frame.write_parquet(path)
    os.utime(path, (READ_AT.timestamp(), READ_AT.timestamp()))
    return path


@pytest.fixture
def old(tmp_path: Path, catalog: Catalog, settings: Settings) -> Path:
    write_old(tmp_path / "old", "pos_order", orders(catalog, settings))
    return tmp_path / "old"


@pytest.fixture
def take(settings: Settings, catalog: Catalog, old: Path) -> Callable[..., ImportReport]:
    def run(mapping: str | None = None, **options: object) -> ImportReport:
        file = None
        if mapping is not None:
            file = old / "names.toml"
            file.write_text(mapping)
        names = read_mapping(file, catalog.datasets)
        return import_lake(old, settings, catalog, names, datasets=["pos_orders"], **options)  # type: ignore[arg-type]

    return run


def outcomes(report: ImportReport) -> dict[int, str]:
    return {day.day.day: day.outcome.value for day in report.days}


def test_local_days_come_in_as_if_they_were_loaded_now(
    take: Callable[..., ImportReport], settings: Settings, catalog: Catalog, tmp_path: Path
) -> None:
    report = take()
    # The first and the last touch a UTC day that the old lake lacks.
    assert outcomes(report) == {
        10: "incomplete",
        **dict.fromkeys((11, 12, 13, 14), "imported"),
        15: "incomplete",
    }
    dataset = dataset_of(catalog, "pos_orders")
    loaded = tmp_path / "loaded"
    frame = orders(catalog, settings)
    days = [d.day for d in report.of(Outcome.IMPORTED)]
    kept = frame.filter(pl.col("date").is_in(days))
    write_days(loaded, Layer.RAW, dataset.raw_table, kept, days, as_of=READ_AT.replace(tzinfo=None))
    ours = {
        f.day: read_footer(f.path) for f in list_days(settings.lake_root, Layer.RAW, "pos_orders")
    }
    assert ours == {f.day: read_footer(f.path) for f in list_days(loaded, Layer.RAW, "pos_orders")}
    # Drafts are in raw, as Odoo has them, and clean leaves them out.
    raw = scan_days(settings.lake_root, Layer.RAW, dataset.raw_table, days)
    assert "draft" in raw.collect().get_column("state")
    assert "draft" not in dataset.clean(raw).collect().get_column("order_state")


def test_a_day_that_is_in_the_lake_is_never_overwritten(
    take: Callable[..., ImportReport], settings: Settings, catalog: Catalog
) -> None:
    table = dataset_of(catalog, "pos_orders").raw_table
    mine = pl.DataFrame(schema=table.schema)
    day = date(2026, 10, 12)
    write_days(settings.lake_root, Layer.RAW, table, mine, [day], as_of=datetime(2026, 11, 1))  # noqa: DTZ001
    assert outcomes(take())[12] == "exists"
    assert scan_days(settings.lake_root, Layer.RAW, table, [day]).collect().is_empty()
    again = take()
    assert set(outcomes(again).values()) == {"exists", "incomplete"}


def test_an_empty_old_file_is_not_believed_unless_asked(
    take: Callable[..., ImportReport], old: Path, settings: Settings, catalog: Catalog
) -> None:
    write_old_day(old, "pos_order", date(2026, 10, 12), as_old(orders(catalog, settings)).clear())
    assert outcomes(take(dry_run=True)) == {
        10: "incomplete",
        11: "imported",
        12: "empty",
        13: "empty",
        14: "imported",
        15: "incomplete",
    }
    found = take(trust_empty=True)
    assert outcomes(found)[13] == "imported"
    rows = {d.day.day: d.rows for d in found.days}
    # Of local day 13 the old lake then has only what lies in UTC day 13: 17 of 24 hours.
    assert rows[11] == 12
    assert 0 < rows[13] < 12


def test_what_came_in_is_asked_of_the_later_layers_alone(
    take: Callable[..., ImportReport], settings: Settings, catalog: Catalog
) -> None:
    imported = {day.day for day in take().of(Outcome.IMPORTED)}
    states = {d.day: d.state for d in standing(settings, catalog) if d.dataset == "pos_orders"}
    assert {day for day, state in states.items() if state is State.OUTDATED} == imported


def test_a_dry_run_writes_nothing(take: Callable[..., ImportReport], settings: Settings) -> None:
    assert take(dry_run=True).of(Outcome.IMPORTED)
    assert not list_days(settings.lake_root, Layer.RAW, "pos_orders")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.drop("state"), r"columns \['state'\] are missing"),
        (lambda f: f.with_columns(amount_paid=pl.lit("much")), "amount_paid: 12 values are no"),
        (lambda f: f.with_columns(date_order=pl.lit(None, pl.String)), "date_order is empty"),
        (lambda f: f.with_columns(user_id=pl.lit(2.5)), "user_id: 12 values are no Int64"),
        (lambda f: f.with_columns(date_order=pl.lit("2026-10-10")), "date_order: 12 values"),
        (
            lambda f: f.with_columns(date_order=pl.lit("2026-10-09 23:59:59")),
            "12 of 12 rows are of other days",
        ),
    ],
    ids=["column", "amount", "no instant", "fraction", "no time", "stray"],
)
def test_a_file_that_cannot_be_right_is_told_and_its_days_are_not_written(
    take: Callable[..., ImportReport],
    old: Path,
    settings: Settings,
    catalog: Catalog,
    spoil: Callable[[pl.DataFrame], pl.DataFrame],
    words: str,
) -> None:
    day = date(2026, 10, 12)
    frame = orders(catalog, settings).filter(pl.col("date_order").cast(pl.Date) == day)
    path = write_old_day(old, "pos_order", day, spoil(as_old(frame)))
    report = take()
    assert outcomes(report)[12] == outcomes(report)[13] == "refused"
    [*_, refused] = report.of(Outcome.REFUSED)
    assert str(path.parent) in refused.detail
    assert re.search(words, refused.detail), refused.detail
    present = {f.day for f in list_days(settings.lake_root, Layer.RAW, "pos_orders")}
    assert present == {date(2026, 10, 11), date(2026, 10, 14)}


def test_a_broken_file_is_told(take: Callable[..., ImportReport], old: Path) -> None:
    [path] = (old / "raw" / "pos_order" / "year=2026" / "month=10" / "day=12").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    [day, _] = take().of(Outcome.REFUSED)
    assert "cannot be read" in day.detail


def test_a_mapping_file_renames_folders_and_columns_and_sets_what_is_missing(
    take: Callable[..., ImportReport], old: Path, settings: Settings
) -> None:
    (old / "raw" / "pos_order").rename(old / "raw" / "kassa")
    for path in (old / "raw").rglob("*.parquet"):
        frame = pl.read_parquet(path, hive_partitioning=False).rename({"date_order": "sold_at"})
        frame.drop("company_id").write_parquet(path)
    mapping = """
        [datasets.pos_orders]
        folder = "kassa"
        columns = { date_order = "sold_at" }
        constants = { company_id = 1 }
    """
    assert take().notes
    assert outcomes(take(mapping))[12] == "imported"


@pytest.mark.parametrize(
    "mapping",
    [
        "[datasets.unknown]",
        "[datasets.pos_orders]\ncolumns = { nothing = 'x' }",
        "[datasets.pos_orders]\nfoldr = 'x'",
        "not toml",
    ],
)
def test_a_wrong_mapping_file_is_refused(take: Callable[..., ImportReport], mapping: str) -> None:
    with pytest.raises(MappingError):
        take(mapping)


def test_a_record_that_two_old_files_have_is_taken_as_it_was_read_last(
    take: Callable[..., ImportReport], old: Path, settings: Settings, catalog: Catalog
) -> None:
    day = date(2026, 10, 12)
    frame = orders(catalog, settings).filter(pl.col("date_order").cast(pl.Date) == day)
    later = as_old(frame.with_columns(state=pl.lit("done")))
    path = write_old_day(old, "pos_order", day, later)
    path = path.rename(path.with_name("again.parquet"))
    write_old_day(old, "pos_order", day, as_old(frame))
    os.utime(path, (READ_AT.timestamp() + 60, READ_AT.timestamp() + 60))
    take()
    table = dataset_of(catalog, "pos_orders").raw_table
    states = scan_days(settings.lake_root, Layer.RAW, table, [day]).collect()
    of_utc_day = states.filter(pl.col("date_order").cast(pl.Date) == day)
    assert set(of_utc_day.get_column("state")) == {"done"}
    assert of_utc_day.get_column("id").is_unique().all()


def test_the_time_of_reading_is_the_old_one_so_an_open_day_is_read_again(
    take: Callable[..., ImportReport], old: Path, settings: Settings
) -> None:
    noon = datetime(2026, 10, 13, 5, tzinfo=UTC).timestamp()
    for path in (old / "raw").rglob("day=13/*.parquet"):
        os.utime(path, (noon, noon))
    take()
    as_of = {
        f.day: read_footer(f.path).as_of
        for f in list_days(settings.lake_root, Layer.RAW, "pos_orders")
    }
    assert as_of[date(2026, 10, 13)] == datetime(2026, 10, 13, 5)  # noqa: DTZ001
    assert as_of[date(2026, 10, 12)] == READ_AT.replace(tzinfo=None)


def test_what_is_needed_is_what_clean_and_reconciliation_read(catalog: Catalog) -> None:
    needed = needed_columns(dataset_of(catalog, "pos_orders"))
    assert {"id", "state", "date_order", "amount_total"} <= needed
    # Neither an optional field nor one that nobody computes with.
    assert not {"pos_reference", "employee_id", "write_date", "date"} & needed


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (
            ["[12, 'Shop']", "(7, 'x')", "5", "5.0", "False", "", "Shop 3"],
            pl.Int64(),
            [12, 7, 5, 5, None, None, None],
        ),
        ([[3, 4], [], None], pl.List(pl.Int64()), [[3, 4], [], []]),
        (["[3, 4]", "False"], pl.List(pl.Int64()), [[3, 4], []]),
        ([1.0, float("nan")], pl.Int64(), [1, None]),
        (["2026-10-12T01:02:03"], pl.Datetime("us"), [datetime(2026, 10, 12, 1, 2, 3)]),  # noqa: DTZ001
        (["2026-10-12 23:59:59"], pl.Date(), [date(2026, 10, 12)]),
        (["True", "false", None], pl.Boolean(), [True, False, False]),
        ([False, None], pl.Float64(), [None, None]),
    ],
)
def test_values_are_read_by_the_columns_type(
    values: list[object], dtype: pl.DataType, expected: list[object]
) -> None:
    assert cast_column(pl.Series("v", values), dtype).to_list() == expected
