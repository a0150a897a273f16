import json
import shutil
from datetime import timedelta
from pathlib import Path

from nkdash_tests.cli.conftest import FIRST, TODAY, YESTERDAY, Nkdash

GAP = (FIRST + timedelta(days=1)).isoformat()


def test_status_tells_days_gaps_rows_and_freshness(loaded: Nkdash) -> None:
    told = json.loads(loaded("status", "--json").stdout)
    raw, *_ = [d for d in told["datasets"] if (d["dataset"], d["layer"]) == ("pos_orders", "raw")]
    assert (raw["first"], raw["last"]) == (FIRST.isoformat(), TODAY.isoformat())
    assert raw["missing"] == [[GAP, GAP]]
    assert raw["rows"] > 0
    assert {d["layer"] for d in told["datasets"] if d["dataset"] == "pos_order_lines"} == {
        "raw",
        "clean",
        "star-schema",
    }
    assert told["warehouse"]["version"] == 2


def test_status_in_words_names_the_gap(loaded: Nkdash) -> None:
    answer = loaded("status")
    assert answer.exit_code == 0
    assert f"pos_orders (raw): not loaded: {GAP}" in answer.stdout
    assert "version 2" in answer.stdout


def test_status_lists_days_that_are_there_but_not_right(loaded: Nkdash, tmp_path: Path) -> None:
    assert json.loads(loaded("status", "--json").stdout)["wrong"] == []
    shutil.copytree(Path(loaded.environment["DATA_LAKE_ROOT"]), tmp_path / "lake")
    shutil.rmtree(tmp_path / "lake/star-schema/fact_sales" / f"date={YESTERDAY}")
    elsewhere = {"DATA_LAKE_ROOT": str(tmp_path / "lake")}
    [wrong] = json.loads(loaded("status", "--json", **elsewhere).stdout)["wrong"]
    found = (wrong["dataset"], wrong["state"], wrong["first"], wrong["last"])
    assert found == ("pos_order_lines", "outdated", YESTERDAY.isoformat(), YESTERDAY.isoformat())
    assert f"pos_order_lines: outdated: {YESTERDAY}" in loaded("status", **elsewhere).stdout


def test_status_of_nothing_says_how_to_begin(nkdash: Nkdash) -> None:
    answer = nkdash("status")
    assert answer.exit_code == 0
    assert "nkdash backfill" in answer.stdout
    assert json.loads(nkdash("status", "--json").stdout)["warehouse"]["version"] is None


def test_publish_tells_new_unchanged_and_nothing(
    loaded: Nkdash, nkdash: Nkdash, tmp_path: Path
) -> None:
    assert "Nothing changed; version 2" in loaded("publish").stdout
    empty = nkdash("publish")
    assert (empty.exit_code, "nkdash backfill" in empty.stderr) == (1, True)
    lake = Path(loaded.environment["DATA_LAKE_ROOT"])
    shutil.copytree(lake, tmp_path / "lake", dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "lake/star-schema/fact_sales" / f"date={YESTERDAY}")
    assert "Published version 3" in nkdash("publish").stdout
