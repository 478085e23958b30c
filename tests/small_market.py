"""A tiny market and its files, so that a test of a replay is a table of orders and what becomes of them."""

import json
from pathlib import Path

from paper_bitmart.backtest.replay import ReplayOptions, replay

START_NS = 1_700_000_000_000_000_000
MS = 10**6
FIXTURES = Path(__file__).parents[1] / "fixtures"
DEMO = FIXTURES / "demo" / "demo_btc_eth_60s.jsonl.gz"
DEMO_RULES = FIXTURES / "demo" / "symbols_details.json"
DEMO_ORDERS = FIXTURES / "replay" / "orders_demo.jsonl"
ES = FIXTURES / "golden" / "es_20s.jsonl.gz"
ES_RULES = FIXTURES / "golden" / "es_symbols.json"
ES_ORDERS = FIXTURES / "replay" / "orders_es.jsonl"

RULES_ROW = {
    "symbol": "BTC_USDT", "symbol_id": 1, "base_currency": "BTC", "quote_currency": "USDT",
    "quote_increment": "0.001", "base_min_size": "0.001", "price_min_precision": 0, "price_max_precision": 2,
    "expiration": "NA", "min_buy_amount": "5", "min_sell_amount": "5", "trade_status": "trading",
}  # fmt: skip


def depth(at_ms, *, bids=(), asks=(), version, kind="update"):
    """A line of depth: (ms, message). Prices and sizes are text."""
    item = {
        "symbol": "BTC_USDT", "asks": [list(level) for level in asks],
        "bids": [list(level) for level in bids],
        "ms_t": START_NS // MS + at_ms, "type": kind, "version": version,
    }  # fmt: skip
    return at_ms, {"table": "spot/depth/increase100", "data": [item]}


def trade(at_ms, side, price, size):
    item = {
        "symbol": "BTC_USDT", "price": price, "size": size, "side": side,
        "s_t": START_NS // 10**9, "ms_t": START_NS // MS + at_ms,
    }  # fmt: skip
    return at_ms, {"table": "spot/trade", "data": [item]}


BOOK = depth(
    0,
    bids=[("100.00", "2"), ("99.99", "5")],
    asks=[("100.02", "1"), ("100.03", "4")],
    version=1,
    kind="snapshot",
)
MARKET = (
    BOOK,
    trade(1_000, "sell", "100.00", "2.5"),
    depth(1_100, bids=[("100.00", "0"), ("99.99", "4")], version=2),
    depth(2_000, asks=[("100.02", "3")], version=3),
)


def submit(
    at_ms, client_order_id, side="buy", kind="limit", price="100.00", size="1", account="a1", **fields
):
    row = {
        "ts": START_NS + at_ms * MS, "account": account, "action": "submit",
        "client_order_id": client_order_id, "symbol": "BTC_USDT", "side": side, "type": kind,
        "price": price, "size": size,
    } | fields  # fmt: skip
    return {name: value for name, value in row.items() if value is not None}


def cancel(at_ms, client_order_id, account="a1"):
    return {
        "ts": START_NS + at_ms * MS, "account": account, "action": "cancel",
        "client_order_id": client_order_id,
    }  # fmt: skip


class Files:
    """The input files of one replay in a folder."""

    def __init__(self, folder, market=MARKET, orders=()):
        self.capture, self.symbols = folder / "capture.jsonl", folder / "symbols.json"
        self.orders, self.out = folder / "orders.jsonl", folder / "out.jsonl"
        self.capture.write_text(
            "".join(f"{START_NS + at * MS} {json.dumps(message)}\n" for at, message in market)
        )
        self.symbols.write_text(json.dumps({"code": 1000, "data": {"symbols": [RULES_ROW]}}))
        self.orders.write_text("".join(json.dumps(order) + "\n" for order in orders))

    def options(self, **settings):
        return ReplayOptions(
            capture=self.capture, symbols=self.symbols, orders=self.orders, out=self.out, **settings
        )

    def run(self, **settings):
        """Replay, and read OUT."""
        self.summary = replay(self.options(**settings))
        return [json.loads(line) for line in self.out.read_text().splitlines()]


def told(rows, *fields):
    """The chosen fields of OUT lines; `ms` is the time since the start."""
    return [tuple((row["ts"] - START_NS) // MS if f == "ms" else row.get(f) for f in fields) for row in rows]


def demo_options(out, **settings):
    return ReplayOptions(capture=DEMO, symbols=DEMO_RULES, orders=DEMO_ORDERS, out=out, **settings)
