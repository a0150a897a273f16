"""Domains against counts made by hand from the recorded lines, with none of the sandbox's code."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nkdash.sandbox import World
from nkdash.sandbox.domain import like_pattern
from nkdash.sandbox.env import Env, User
from nkdash_tests.sandbox.conftest import Client, RecordedRows

Frames = Callable[[str], pl.DataFrame]
ALL: dict[str, Any] = {"active_test": False}
SHOWN: dict[str, Any] = {}


def _value(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str):
        return value[0]
    return value


@pytest.fixture(scope="module")
def frames(recorded: RecordedRows) -> Frames:
    """Recorded models as plain frames: many2ones as ids, ``False`` as null unless all are."""

    def read(model: str) -> pl.DataFrame:
        rows = recorded[model]
        columns: dict[str, list[Any]] = {}
        for name in rows[0]:
            values = [_value(row[name]) for row in rows]
            boolean = all(isinstance(v, bool) for v in values) and True in values
            columns[name] = values if boolean else [None if v is False else v for v in values]
        return pl.DataFrame(columns, strict=False)

    return read


def _ids(frame: pl.DataFrame, *conditions: pl.Expr, column: str = "id") -> list[int]:
    return frame.filter(*conditions)[column].drop_nulls().to_list()


c = pl.col
ORDER, LINE, PAYMENT, PRODUCT = "pos.order", "pos.order.line", "pos.payment", "product.product"
PARTNER, CATEGORY, MOVE = "res.partner", "product.category", "account.move"

# (model, domain, condition on the model's own frame, given all frames; archived records count)
CASES: list[tuple[str, list[Any], Callable[[Frames], pl.Expr]]] = [
    (ORDER, [["state", "=", "done"]], lambda f: c("state") == "done"),
    (ORDER, [["state", "!=", "done"]], lambda f: c("state") != "done"),
    (ORDER, [["state", "<>", "done"]], lambda f: c("state") != "done"),
    (
        ORDER,
        [["state", "in", ["paid", "invoiced"]]],
        lambda f: c("state").is_in(["paid", "invoiced"]),
    ),
    (ORDER, [["state", "not in", ["done"]]], lambda f: c("state") != "done"),
    (ORDER, [["state", "in", []]], lambda f: pl.lit(False)),
    (ORDER, [["state", "not in", []]], lambda f: pl.lit(True)),
    (ORDER, [["partner_id", "=", False]], lambda f: c("partner_id").is_null()),
    (ORDER, [["partner_id", "!=", False]], lambda f: c("partner_id").is_not_null()),
    (
        ORDER,
        [["partner_id", "!=", 137]],
        lambda f: c("partner_id").is_null() | (c("partner_id") != 137),
    ),
    (
        ORDER,
        [["partner_id", "in", [137, False]]],
        lambda f: c("partner_id").is_null() | (c("partner_id") == 137),
    ),
    (
        ORDER,
        [["partner_id", "not in", [137]]],
        lambda f: c("partner_id").is_null() | (c("partner_id") != 137),
    ),
    (
        ORDER,
        [["partner_id", "not in", [137, False]]],
        lambda f: c("partner_id").is_not_null() & (c("partner_id") != 137),
    ),
    (ORDER, [["partner_id", "=", [137, 153]]], lambda f: c("partner_id").is_in([137, 153])),
    (ORDER, [["partner_id", "=?", False]], lambda f: pl.lit(True)),
    (ORDER, [["partner_id", "=?", 137]], lambda f: c("partner_id") == 137),
    (ORDER, [["amount_total", ">", 500_000]], lambda f: c("amount_total") > 500_000),
    (ORDER, [["amount_total", ">=", 510_000]], lambda f: c("amount_total") >= 510_000),
    (ORDER, [["amount_total", "<", 0]], lambda f: c("amount_total") < 0),
    (ORDER, [["amount_total", "<=", "100000"]], lambda f: c("amount_total") <= 100_000),
    (ORDER, [["amount_return", "!=", 0]], lambda f: c("amount_return") != 0),
    (ORDER, [["to_invoice", "=", True]], lambda f: c("to_invoice")),
    (ORDER, [["to_invoice", "=", False]], lambda f: ~c("to_invoice")),
    (ORDER, [["to_invoice", "!=", True]], lambda f: ~c("to_invoice")),
    (ORDER, [["to_invoice", "in", [True]]], lambda f: c("to_invoice")),
    (ORDER, [["to_invoice", "in", [True, False]]], lambda f: pl.lit(True)),
    (
        ORDER,
        [["date_order", ">=", "2026-08-25 17:00:00"]],
        lambda f: c("date_order") >= "2026-08-25 17:00:00",
    ),
    (ORDER, [["date_order", "<", "2026-08-26"]], lambda f: c("date_order") < "2026-08-26 00:00:00"),
    (
        ORDER,
        [["date_order", "<=", "2026-08-26"]],
        lambda f: c("date_order") <= "2026-08-26 23:59:59",
    ),
    (ORDER, [["date_order", ">", "2026-08-26"]], lambda f: c("date_order") > "2026-08-26 23:59:59"),
    (
        ORDER,
        [["date_order", ">=", "2026-08-24 17:00:00"], ["date_order", "<", "2026-08-25 17:00:00"]],
        lambda f: c("date_order").is_between(
            pl.lit("2026-08-24 17:00:00"), pl.lit("2026-08-25 17:00:00"), closed="left"
        ),
    ),
    (ORDER, [["name", "like", "Kemang"]], lambda f: c("name").str.contains("Kemang", literal=True)),
    (ORDER, [["name", "like", "kemang"]], lambda f: pl.lit(False)),
    (ORDER, [["name", "ilike", "kemang"]], lambda f: c("name").str.contains("(?i)kemang")),
    (ORDER, [["name", "not ilike", "kemang"]], lambda f: ~c("name").str.contains("(?i)kemang")),
    (
        ORDER,
        [["name", "=like", "Toko Kemang/%1"]],
        lambda f: c("name").str.contains("^Toko Kemang/.*1$"),
    ),
    (
        ORDER,
        [["name", "=ilike", "toko kemang/00_1"]],
        lambda f: c("name").str.contains("^Toko Kemang/00.1$"),
    ),
    (ORDER, [["name", "ilike", ""]], lambda f: pl.lit(True)),
    (
        ORDER,
        [["cashier", "not like", "Kasir"]],
        lambda f: c("cashier").is_null() | ~c("cashier").str.contains("Kasir"),
    ),
    (
        ORDER,
        ["|", ["state", "=", "cancel"], ["amount_total", "<", 0]],
        lambda f: (c("state") == "cancel") | (c("amount_total") < 0),
    ),
    (
        ORDER,
        ["|", "|", ["state", "=", "cancel"], ["state", "=", "draft"], ["amount_total", "<", 0]],
        lambda f: c("state").is_in(["cancel", "draft"]) | (c("amount_total") < 0),
    ),
    (
        ORDER,
        ["&", ["state", "=", "done"], "!", ["partner_id", "=", 137]],
        lambda f: (c("state") == "done") & (c("partner_id").is_null() | (c("partner_id") != 137)),
    ),
    (
        ORDER,
        ["!", "|", ["state", "=", "done"], ["partner_id", "=", False]],
        lambda f: (c("state") != "done") & c("partner_id").is_not_null(),
    ),
    (
        ORDER,
        ["!", "&", ["state", "=", "done"], ["amount_total", ">", 500_000]],
        lambda f: (c("state") != "done") | (c("amount_total") <= 500_000),
    ),
    (ORDER, ["!", "!", ["state", "=", "done"]], lambda f: c("state") == "done"),
    (
        ORDER,
        ["!", ["name", "=like", "Toko Kemang/%"]],
        lambda f: ~c("name").str.starts_with("Toko Kemang/"),
    ),
    (ORDER, [[1, "=", 1]], lambda f: pl.lit(True)),
    (ORDER, ["|", [0, "=", 1], ["state", "=", "draft"]], lambda f: c("state") == "draft"),
    (
        ORDER,
        [["partner_id.name", "ilike", "budi"]],
        lambda f: c("partner_id").is_in(_ids(f(PARTNER), c("name").str.contains("(?i)budi"))),
    ),
    (
        ORDER,
        [["partner_id.name", "!=", "Budi Rahman"]],
        # No partner, no name: the path finds nothing, also for !=.
        lambda f: c("partner_id").is_in(
            _ids(f(PARTNER), c("name").is_null() | (c("name") != "Budi Rahman"))
        ),
    ),
    (
        ORDER,
        [["partner_id", "ilike", "budi"]],
        lambda f: c("partner_id").is_in(
            _ids(f(PARTNER), c("complete_name").str.contains("(?i)budi"))
        ),
    ),
    (
        ORDER,
        [["partner_id", "not ilike", "budi"]],
        lambda f: (
            c("partner_id").is_null()
            | ~c("partner_id").is_in(_ids(f(PARTNER), c("complete_name").str.contains("(?i)budi")))
        ),
    ),
    (
        ORDER,
        [["session_id.config_id.name", "=", "Toko Kemang"]],
        lambda f: c("session_id").is_in(
            _ids(
                f("pos.session"),
                c("config_id").is_in(_ids(f("pos.config"), c("name") == "Toko Kemang")),
            )
        ),
    ),
    (
        ORDER,
        [["lines.qty", "<", 0]],
        lambda f: c("id").is_in(_ids(f(LINE), c("qty") < 0, column="order_id")),
    ),
    (
        ORDER,
        [["lines.product_id.active", "=", False]],
        lambda f: c("id").is_in(
            _ids(f(LINE), c("product_id").is_in(_ids(f(PRODUCT), ~c("active"))), column="order_id")
        ),
    ),
    (
        ORDER,
        [["payment_ids", "=", False]],
        lambda f: ~c("id").is_in(f(PAYMENT)["pos_order_id"].implode()),
    ),
    (
        ORDER,
        [["payment_ids", "!=", False]],
        lambda f: c("id").is_in(f(PAYMENT)["pos_order_id"].implode()),
    ),
    (
        ORDER,
        [["lines", "in", [1, 2, 3]]],
        lambda f: c("id").is_in(_ids(f(LINE), c("id") <= 3, column="order_id")),
    ),
    (
        ORDER,
        [["lines", "not in", [1, 2, 3]]],
        lambda f: ~c("id").is_in(_ids(f(LINE), c("id") <= 3, column="order_id")),
    ),
    (
        ORDER,
        [["lines", "any", [["discount", ">", 0], ["qty", ">", 1]]]],
        lambda f: c("id").is_in(_ids(f(LINE), c("discount") > 0, c("qty") > 1, column="order_id")),
    ),
    (
        ORDER,
        [["lines", "not any", [["discount", ">", 0]]]],
        lambda f: ~c("id").is_in(_ids(f(LINE), c("discount") > 0, column="order_id")),
    ),
    (
        ORDER,
        [["partner_id", "not any", [["name", "=", "Budi Rahman"]]]],
        lambda f: (
            c("partner_id").is_null()
            | ~c("partner_id").is_in(_ids(f(PARTNER), c("name") == "Budi Rahman"))
        ),
    ),
    (
        LINE,
        [["order_id.date_order", ">=", "2026-08-25 17:00:00"], ["order_id.state", "=", "done"]],
        lambda f: c("order_id").is_in(
            _ids(f(ORDER), c("date_order") >= "2026-08-25 17:00:00", c("state") == "done")
        ),
    ),
    (LINE, [["tax_ids", "in", [7]]], lambda f: c("tax_ids").list.contains(7)),
    (LINE, [["tax_ids", "not in", [7]]], lambda f: ~c("tax_ids").list.contains(7)),
    (LINE, [["tax_ids", "=", False]], lambda f: c("tax_ids").list.len() == 0),
    (LINE, [["tax_ids", "!=", False]], lambda f: c("tax_ids").list.len() > 0),
    (
        LINE,
        [["tax_ids.price_include", "=", True]],
        lambda f: c("tax_ids").list.contains(7),
    ),
    (LINE, [["discount", "=", 100]], lambda f: c("discount") == 100),
    (LINE, [["price_unit", "<", 0]], lambda f: c("price_unit") < 0),
    (
        LINE,
        [["product_id.categ_id.parent_id.name", "=", "Skincare"]],
        lambda f: c("product_id").is_in(
            _ids(
                f(PRODUCT),
                c("categ_id").is_in(
                    _ids(
                        f(CATEGORY),
                        c("parent_id").is_in(_ids(f(CATEGORY), c("name") == "Skincare")),
                    )
                ),
            )
        ),
    ),
    (
        LINE,
        [["refunded_orderline_id", "!=", False]],
        lambda f: c("refunded_orderline_id").is_not_null(),
    ),
    (LINE, [["id", "in", [1, 5, 999_999]]], lambda f: c("id").is_in([1, 5])),
    (LINE, ["&", ["id", ">", 10], ["id", "<=", 30]], lambda f: c("id").is_between(11, 30)),
    (
        PAYMENT,
        [["payment_method_id.is_cash_count", "=", True]],
        lambda f: c("payment_method_id").is_in(_ids(f("pos.payment.method"), c("is_cash_count"))),
    ),
    # A related field without column of its own is searched through its path.
    (
        PAYMENT,
        [["partner_id", "!=", False]],
        lambda f: c("pos_order_id").is_in(_ids(f(ORDER), c("partner_id").is_not_null())),
    ),
    (PRODUCT, [["active", "=", False]], lambda f: ~c("active")),
    (PRODUCT, [["barcode", "=", False]], lambda f: c("barcode").is_null()),
    (PRODUCT, [["barcode", "!=", False]], lambda f: c("barcode").is_not_null()),
    (
        PRODUCT,
        [["barcode", "not ilike", "899"]],
        lambda f: c("barcode").is_null() | ~c("barcode").str.contains("899"),
    ),
    (PRODUCT, [["name", "ilike", "50%"]], lambda f: c("name").str.contains("50")),
    (PRODUCT, [["name", "like", "\\%"]], lambda f: c("name").str.contains("%", literal=True)),
    (
        PRODUCT,
        [["x_studio_brand_id.x_name", "=", "Somethinc"]],
        lambda f: c("x_studio_brand_id") == 3,
    ),
    (
        PRODUCT,
        [["categ_id", "child_of", 5]],
        lambda f: c("categ_id").is_in(_ids(f(CATEGORY), c("parent_path").str.contains("/5/|^5/"))),
    ),
    (
        PRODUCT,
        [["product_tmpl_id.taxes_id", "in", [1]]],
        lambda f: c("product_tmpl_id").is_in(
            _ids(f("product.template"), c("taxes_id").list.contains(1))
        ),
    ),
    (CATEGORY, [["id", "child_of", [5]]], lambda f: c("parent_path").str.contains("/5/|^5/")),
    (CATEGORY, [["parent_id", "child_of", 5]], lambda f: c("parent_path").str.contains("/5/|^5/")),
    (CATEGORY, [["id", "parent_of", 6]], lambda f: c("id").is_in([1, 5, 6])),
    (
        CATEGORY,
        [["id", "child_of", "Skincare"]],
        lambda f: c("complete_name").str.contains("Skincare"),
    ),
    (CATEGORY, [["parent_id", "=", False]], lambda f: c("parent_id").is_null()),
    (PARTNER, [["active", "in", [True, False]]], lambda f: pl.lit(True)),
    (PARTNER, [["email", "=", ""]], lambda f: c("email") == ""),
    (
        MOVE,
        [["invoice_date", ">=", "2026-08-25 23:00:00"]],
        lambda f: c("invoice_date") >= "2026-08-25",
    ),
    (MOVE, [["invoice_date", "=", False]], lambda f: c("invoice_date").is_null()),
    (MOVE, [["date", "=", "2026-08-25"]], lambda f: c("date") == "2026-08-25"),
]


@pytest.mark.parametrize(
    ("model", "domain", "condition"),
    CASES,
    ids=[f"{n}: {model} {domain}"[:90] for n, (model, domain, _) in enumerate(CASES)],
)
def test_count_is_that_of_the_records(
    model: str,
    domain: list[Any],
    condition: Callable[[Frames], pl.Expr],
    reader: Client,
    frames: Frames,
) -> None:
    wanted = sorted(frames(model).filter(condition(frames))["id"])
    assert reader(model, "search_count", domain, context=ALL) == len(wanted)
    assert sorted(reader(model, "search", domain, context=ALL)) == wanted


def test_cases_are_many_and_mostly_not_empty(frames: Frames) -> None:
    assert len(CASES) >= 75
    sizes = [frames(model).filter(condition(frames)).height for model, _, condition in CASES]
    assert sum(1 for size in sizes if size) >= 65


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        (["|", ["id", "=", 1]], "Domain ['|', ['id', '=', 1]] is syntactically not correct."),
        ([["id", "="]], "Invalid leaf ('id', '=')"),
        (["id"], "Invalid leaf id"),
        ([["lines.nope", "=", 1]], "Invalid field pos.order.line.nope in leaf ('nope', '=', 1)"),
        ([["id", "=", "x"]], "invalid literal for int() with base 10: 'x'"),
    ],
)
def test_malformed_domains(domain: list[Any], message: str, reader: Client) -> None:
    assert reader.error("pos.order", "search", domain) == ("builtins.ValueError", message)


def test_text_that_is_no_date(reader: Client) -> None:
    name, message = reader.error("pos.order", "search", [["date_order", ">", "soon"]])
    assert name == "psycopg2.errors.InvalidDatetimeFormat"
    assert '"soon"' in message


CHOICES: dict[str, list[Any]] = {
    "state": ["done", "invoiced", "nope"],
    "partner_id": [137, 153, 213],
    "name": ["/", "Toko Kemang/0001", "Kemang"],
    "amount_total": [510000.0, -227000.0, 1.0],
    "account_move": [48, 1],
}
VALUES = st.sampled_from([(name, value) for name, values in CHOICES.items() for value in values])
LEAVES = st.tuples(VALUES, st.sampled_from(["=", "!=", "in", "not in", "like", "not ilike"])).map(
    lambda t: (t[0][0], t[1], [t[0][1]] if "in" in t[1].split() else t[0][1])
)


@settings(deadline=None, max_examples=60)
@given(leaf=LEAVES.filter(lambda leaf: "like" not in leaf[1] or leaf[0] in ("state", "name")))
def test_a_domain_and_its_negation_share_all_records(world: World, leaf: tuple[Any, ...]) -> None:
    env = Env(world, User(2, "admin", (1, 2)), {})
    yes, no = (set(env.rows("pos.order", d)["id"]) for d in ([leaf], ["!", leaf]))
    assert not yes & no
    assert yes | no == set(world.tables["pos.order"].frame["id"])


def _like(pattern: str, text: str) -> bool:
    """LIKE by the book, without regular expressions."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(_like(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and _like(pattern[1:], text[1:])


@given(
    pattern=st.text(st.sampled_from("ab.%_*"), max_size=6),
    text=st.text(st.sampled_from("ab.*\n"), max_size=6),
)
def test_like_patterns(pattern: str, text: str) -> None:
    matched = pl.Series([text]).str.contains(like_pattern(pattern, ignore_case=False)).item()
    assert matched == _like(pattern, text)
