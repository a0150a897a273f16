"""The Profit page: its tax basis, margins hidden below enough coverage, losses, cost changes."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.components import filters, shell
from dashboard.components.coverage import cost_coverage, veiled
from dashboard.components.margins import ASKED, margin_ranking
from dashboard.context import Context
from dashboard.data import profit as data
from dashboard.i18n import texts
from dashboard.pages import overview, profit, sales
from dashboard.state import State
from nkdash.kpis.model import TaxBasis
from nkdash.kpis.periods import Grain
from nkdash.kpis.registry import measure, trend
from nkdash.settings import Settings
from nkdash.warehouse import Warehouse
from nkdash_tests.dashboard.conftest import drawn
from nkdash_tests.dashboard.goods import CONSULTING_COSTED
from nkdash_tests.dashboard.shop import Shop

Look = Callable[..., AbstractContextManager[Context]]
EX = TaxBasis.EX
# Before its first bill, consulting has no cost: too little of all revenue is covered then.
UNCOVERED = "range=2026-09-25..2026-11-10"
COSTED = "range=2026-11-17..2026-11-22&compare=none"


@pytest.fixture(scope="module")
def client(published: Settings) -> FlaskClient:
    server = create_app(published, Warehouse(published.warehouse_dir)).server
    server.testing = True
    made: FlaskClient = server.test_client()
    return made


def controls(client: FlaskClient, path: str, search: str) -> str:
    """What the callback of the controls answers."""
    names = ["resolved.data", "nav.children", "nav-phone.children", "chips.children"]
    names += ["filter-summary.children", "filter-count.children", "as-of.children"]
    names += ["notices.sendNotifications"]
    outputs = [dict(zip(("id", "property"), n.split("."), strict=True)) for n in names]
    tax = {"id": {"type": "filter", "key": "tax", "place": "drawer"}, "property": "value"}
    every = '{"key":["ALL"],"place":["ALL"],"type":"filter"}.value'
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": f"..{every}...{'...'.join(names)}..",
            "outputs": [[tax], *outputs],
            "inputs": [
                {"id": "url", "property": "search", "value": search},
                {"id": "url", "property": "pathname", "value": path},
                {"id": "version", "property": "data", "value": 1},
            ],
            "changedPropIds": ["url.search"],
        },
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "search", "shown", "chip"),
    [
        ("/profit", "", "ex", False),
        ("/profit", "?tax=in", "in", True),
        ("/profit", "?tax=ex", "ex", False),
        ("/sales", "", "in", False),
        ("/sales", "?tax=ex", "ex", True),
    ],
)
def test_a_page_has_its_own_tax_basis(
    client: FlaskClient, path: str, search: str, shown: str, chip: bool
) -> None:
    text = controls(client, path, search)
    [resolved] = re.findall(r'"values":\{[^}]*"tax":"(\w+)"', text)
    [usual] = re.findall(r'"defaults":\{[^}]*"tax":"(\w+)"', text)
    assert resolved == shown
    assert usual == ("ex" if path == "/profit" else "in")
    assert ("Revenue: with" in text) == chip


def test_links_to_other_pages_leave_them_their_basis() -> None:
    pages = (overview.page(), sales.page(), profit.page())
    t = texts("en")

    def hrefs(state: State) -> list[str]:
        links: list[Any] = [*shell.nav_links(t, pages, state, "/profit")]
        return [link["props"]["href"] for link in links]

    assert hrefs(State(brand=(1,))) == ["/?brand=1", "/sales?brand=1", "/profit?brand=1"]
    assert hrefs(State(tax=EX)) == ["/?tax=ex", "/sales?tax=ex", "/profit?tax=ex"]


def test_the_chip_of_a_basis_leads_back_to_the_pages_own(look: Look) -> None:
    with look("?tax=in", "/profit", EX) as ctx:
        assert ctx.selection.tax is TaxBasis.IN
        chip: Any
        [chip] = filters.chips(ctx, ())
        assert chip["props"]["href"] == "/profit"
    with look("", "/profit", EX) as ctx:
        assert ctx.selection.tax is EX
        assert filters.chips(ctx, ()) == []


def test_margins_are_hidden_where_too_little_has_a_cost(look: Look) -> None:
    with look(f"?{UNCOVERED}", "/profit", EX) as ctx:
        covered = cost_coverage(ctx)
        assert covered.share is not None
        assert covered.share < 0.95
        summary, places = drawn(profit.summary(ctx)), profit.places(ctx)
        assert ctx.t("cover.hidden") in summary
        assert "/profit?range=2026-09-25..2026-11-10&uncovered=show" in summary
        assert '"data-kpi": "gross_margin"' not in summary
        assert '"data-kpi": "cost_coverage"' in summary
        assert places is None
    with look(f"?{UNCOVERED}&uncovered=show", "/profit", EX) as ctx:
        summary = drawn(profit.summary(ctx))
        assert ctx.t("cover.hidden") not in summary
        assert ctx.t("cover.hide") in summary
        assert profit.places(ctx) is not None


def test_the_strip_tells_all_revenue(look: Look) -> None:
    with look(f"?{UNCOVERED}", "/profit", EX) as ctx:
        covered = cost_coverage(ctx)
        [row] = ctx.session.frame(measure(("net_revenue",), ctx.selection.now)).to_dicts()
    told = sum(covered.by_source.values()) + covered.uncosted
    assert told == pytest.approx(float(row["net_revenue"]))
    assert set(covered.by_source) == {"bill"}


def test_a_row_without_enough_cost_is_not_told_and_the_others_are(look: Look) -> None:
    names = (*ASKED, "gross_margin", "cost_coverage")
    with look("?range=2026-11-10..2026-11-22&compare=none", "/profit", EX) as ctx:
        frame = veiled(ctx, ctx.session.frame(measure(names, ctx.selection, ("product",))))
        told = {r["product"]: r for r in frame.to_dicts()}
        assert told[5]["cost_coverage"] < 0.95
        assert told[5]["gross_profit"] is told[5]["gross_margin"] is None
        assert told[1]["gross_margin"] is not None
        assert told[5]["costed_revenue"] is not None
        listed = drawn(margin_ranking(ctx, "product", frame, "gross_margin"))
        assert listed.index("Serum Vit C") < listed.index("Konsultasi")
        table = {
            r["product_id"]: r
            for r in ctx.session.frame(data.products(ctx.selection, uncovered=False)).to_dicts()
        }
        asked = {
            r["product_id"]: r
            for r in ctx.session.frame(data.products(ctx.selection, uncovered=True)).to_dicts()
        }
        assert table[5]["gross_profit"] is table[5]["cogs"] is None
        assert asked[5]["gross_profit"] is not None
        assert table[1] == asked[1]


@pytest.mark.parametrize("tax", TaxBasis)
@pytest.mark.parametrize("search", ["", "store=2", "brand=1", "cashier=1", "vendor=92"])
def test_the_table_adds_up_to_the_tiles(look: Look, search: str, tax: TaxBasis) -> None:
    names = ("gross_profit", "cogs", "uncosted_revenue")
    with look(f"?{UNCOVERED}&compare=none&{search}", "/profit", tax) as ctx:
        total = ctx.session.frame(trend(names, ctx.selection, Grain.WEEK))
        [row] = total.filter(pl.col("is_total")).to_dicts()
        table = ctx.session.frame(data.products(ctx.selection, uncovered=True))
    for name in names:
        assert table.get_column(name).sum() == row[name], name


def test_losses_are_the_lines_sold_below_cost(look: Look) -> None:
    with look(f"?{UNCOVERED}", "/profit", EX) as ctx:
        lines = ctx.session.frame(data.losses(ctx.selection))
        reasons = ctx.session.frame(data.loss_reasons(ctx.selection))
        assert lines.height > 0
        assert (lines.get_column("net_revenue") < lines.get_column("cogs")).all()
        assert reasons.get_column("lost").sum() == lines.get_column("lost").sum()
        assert reasons.get_column("lines").sum() == lines.height
        key = lines.get_column("line_key")[0]
        assert "Gross profit" in drawn(profit.receipt(ctx, key))
        assert profit.receipt(ctx, "pos-0/1") is None


def test_bands_of_discount_hold_every_sale_once(shop: Shop, look: Look) -> None:
    with look(f"?{COSTED}", "/profit", EX) as ctx:
        bands = ctx.session.frame(data.discounts(ctx.selection))
        sold = shop.sold.filter(
            pl.col("date").is_between(ctx.period.first, ctx.period.last),
            pl.col("company_id") == 1,
            pl.col("line_kind").is_in(["sale", "free", "service"]),
        )
        assert drawn(profit.discounts(ctx)).count("margin-bar") >= 3
    assert bands.get_column("lines").sum() == sold.height
    assert bands.get_column("net_revenue").sum() == sold.get_column("net_tax_ex").sum()
    rates = pl.col("discount_tax_in") / pl.col("gross_tax_in")
    quarter = sold.filter(pl.col("line_kind") != "free", rates.is_between(0.2, 0.3, "right"))
    [found] = bands.filter(pl.col("band") == 3).get_column("lines")
    assert found == quarter.height


def test_cost_changes_are_told_with_their_effect(shop: Shop, look: Look) -> None:
    """Serums rise from 62,000 to 63,500 on 29 September, then to 66,000 on 13 October."""
    with look("?range=2026-09-25..2026-10-20&product=1&compare=none", "/profit", EX) as ctx:
        rows = ctx.session.frame(data.cost_changes(ctx.selection)).sort("date").to_dicts()
        told = drawn(profit.costs(ctx))
        drawer = drawn(profit.cost_change(ctx, rows[0]["change_key"]))
        assert profit.cost_change(ctx, "1-1-1999-01-01") is None
    assert [(r["cost_before"], r["cost_now"]) for r in rows] == [(62000, 63500), (63500, 66000)]
    assert [str(r["date"]) for r in rows] == ["2026-09-29", "2026-10-13"]
    sold = shop.sold.filter(
        (pl.col("product_id") == 1)
        & (pl.col("company_id") == 1)
        & (pl.col("date") <= pl.date(2026, 10, 20))
    )
    effects = []
    for row, rise in zip(rows, (1500, 2500), strict=True):
        units = sold.filter(pl.col("date") >= row["date"]).get_column("quantity").sum()
        assert row["net_items"] == units
        effects.append(row["effect"])
        assert row["effect"] == pytest.approx(-rise * float(units))
        assert row["margin_now"] < row["margin_before"]
    # Together: what sales cost more than at the cost before the first change.
    dearer = sum(
        line["quantity"] * (1500 + 2500 if line["date"] >= rows[1]["date"] else 1500)
        for line in sold.filter(pl.col("date") >= rows[0]["date"]).to_dicts()
    )
    assert sum(effects) == pytest.approx(-float(dearer))
    assert "took" in told
    assert "63,500" in drawer
    assert "/product?product=1" in drawer


def test_a_bill_at_the_same_cost_is_no_change(look: Look) -> None:
    with look("?range=2026-09-10..2026-09-20&product=1", "/profit", EX) as ctx:
        assert ctx.session.frame(data.cost_changes(ctx.selection)).is_empty()
        assert ctx.t("costs.none") in drawn(profit.costs(ctx))


def test_the_first_bill_of_a_product_changes_nothing(look: Look) -> None:
    day = CONSULTING_COSTED
    with look(f"?range={day}..{day}&product=5", "/profit", EX) as ctx:
        assert ctx.session.frame(data.cost_changes(ctx.selection)).is_empty()


def test_costs_with_tax_stand_on_the_same_basis(look: Look) -> None:
    search = "?range=2026-09-25..2026-10-20&product=1&compare=none"
    with look(search, "/profit", TaxBasis.IN) as ctx:
        first = ctx.session.frame(data.cost_changes(ctx.selection)).sort("date").to_dicts()[0]
    assert first["cost_now"] == pytest.approx(float(Decimal("63500") * Decimal("1.11")))
