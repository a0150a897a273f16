"""How fast the sandbox is: generation, and search_read over HTTP on loopback.

    python benchmarks/sandbox_speed.py [--small]

The big store has about 100,000 orders and 54,000 products.
"""

import resource
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import requests

from nkdash.sandbox import SandboxServer, generate, serve

LINE_FIELDS = [
    "order_id",
    "product_id",
    "qty",
    "price_unit",
    "discount",
    "price_subtotal",
    "price_subtotal_incl",
    "total_cost",
    "tax_ids",
    "refunded_orderline_id",
    "write_date",
    "full_product_name",
]
NOW = datetime.fromisoformat("2026-11-23T09:30:00")


def main() -> None:
    big = "--small" not in sys.argv[1:]
    sizes = {"products": 54_000, "orders_per_day": 1_120} if big else {}
    started = time.perf_counter()
    world = generate(now=NOW, days=90, **sizes)
    generated = time.perf_counter() - started
    orders, lines = (world.tables[m].frame.height for m in ("pos.order", "pos.order.line"))
    print(f"generated {orders:,} orders, {lines:,} lines in {generated:.2f} s")
    week = [
        ["order_id.date_order", ">=", "2026-11-08 17:00:00"],
        ["order_id.date_order", "<", "2026-11-15 17:00:00"],
        ["order_id.state", "in", ["paid", "done", "invoiced"]],
    ]
    tz = {"tz": "Asia/Jakarta"}
    with serve(world) as server, requests.Session() as session:
        call = caller(server, session)
        reads = {"fields": LINE_FIELDS, "limit": 5_000, "order": "id"}
        page = {**reads, "load": False}
        report("5,000 lines x 12, load=False", lambda: call("search_read", [[]], page))
        report("the same of one week by order date", lambda: call("search_read", [week], page))
        report("the same with names", lambda: call("search_read", [week], reads))
        report("search_count of that week", lambda: call("search_count", [week], {}))
        grouping = [[], ["amount_total:sum"], ["date_order:day"]]
        report(
            "read_group of all orders by day",
            lambda: call("read_group", grouping, {"context": tz}, "pos.order"),
        )
        products = {"fields": ["name", "categ_id", "write_date"], "load": False, "order": "id"}
        report(
            "all products x 3",
            lambda: call("search_read", [[]], products, "product.product"),
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory {peak:,} MB")


def caller(server: SandboxServer, session: requests.Session) -> Callable[..., Any]:
    def call(
        method: str, args: list[Any], kwargs: dict[str, Any], model: str = "pos.order.line"
    ) -> Any:
        params = {
            "service": "object",
            "method": "execute_kw",
            "args": ["demo", 2, "demo", model, method, args, kwargs],
        }
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
        answer = session.post(f"{server.url}/jsonrpc", json=body, timeout=60)
        return orjson.loads(answer.content)["result"]

    return call


def report(what: str, call: Callable[[], Any], times: int = 7) -> None:
    call()
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        result = call()
        spent.append((time.perf_counter() - started) * 1000)
    size = f"{len(result):,} rows" if isinstance(result, list) else result
    print(
        f"{what:38} median {sorted(spent)[times // 2]:6.1f} ms  best {min(spent):6.1f} ms  {size}"
    )


if __name__ == "__main__":
    main()
