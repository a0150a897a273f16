"""docs/kpis.md is what the code says."""

from pathlib import Path

from nkdash.kpis.document import document
from nkdash.kpis.registry import kpis

DOCUMENT = Path(__file__).parents[2] / "docs" / "kpis.md"


def test_the_kpis_in_docs_are_current() -> None:
    current = DOCUMENT.read_text(encoding="utf-8") == document()
    assert current, "make it anew: nkdash dictionary --kpis > docs/kpis.md"


def test_every_kpi_is_told_with_its_formula() -> None:
    text = document()
    for name, kpi in kpis().items():
        assert f"### {kpi.title} (`{name}`)" in text
        assert f"- Formula: {kpi.formula}\n- SQL: `{kpi.sql}`" in text
