"""Messages as BitMart pushes them, written in ticks and lots."""

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import numpy as np

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.events import FeedState, Kind

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SYMBOL = "AAA_USDT"
RULES = SymbolRules(
    symbol=SYMBOL,
    symbol_id=1,
    base="AAA",
    quote="USDT",
    price_decimals=2,
    size_decimals=1,
    tick=Decimal("0.01"),
    lot=Decimal("0.1"),
    min_size=Decimal("0.1"),
)
Levels = Iterable[tuple[int, int]]


def pairs(levels: Levels) -> list[list[str]]:
    return [[RULES.format_price(price), RULES.format_size(size) if size else "0"] for price, size in levels]


def depth(kind: str, version: int, bids: Levels = (), asks: Levels = (), ms: int = 1_000) -> bytes:
    item = {"symbol": SYMBOL, "asks": pairs(asks), "bids": pairs(bids), "ms_t": ms}
    return push("spot/depth/increase100", item | {"type": kind, "version": version})


def snapshot(version: int, bids: Levels = (), asks: Levels = (), ms: int = 1_000) -> bytes:
    return depth("snapshot", version, bids, asks, ms)


def update(version: int, bids: Levels = (), asks: Levels = (), ms: int = 1_000) -> bytes:
    return depth("update", version, bids, asks, ms)


def depth50(bids: Levels = (), asks: Levels = (), ms: int = 1_000) -> bytes:
    item = {"symbol": SYMBOL, "asks": pairs(asks), "bids": pairs(bids), "ms_t": ms}
    return push("spot/depth50", item)


def trade(price: int, size: int, side: str = "buy", ms: int = 1_000) -> dict[str, object]:
    price_text, size_text = RULES.format_price(price), RULES.format_size(size)
    return {"symbol": SYMBOL, "price": price_text, "side": side, "size": size_text, "s_t": 1, "ms_t": ms}


def trades(*items: dict[str, object]) -> bytes:
    return push("spot/trade", *items)


def best(bid: tuple[int, int], ask: tuple[int, int], ms: int = 1_000) -> bytes:
    (bid_px, bid_sz), (ask_px, ask_sz) = pairs([bid])[0], pairs([ask])[0]
    fields = {"bid_px": bid_px, "bid_sz": bid_sz, "ask_px": ask_px, "ask_sz": ask_sz}
    return push("spot/bookTicker", {"symbol": SYMBOL, **fields, "ms_t": ms})


def push(table: str, *items: dict[str, object]) -> bytes:
    return json.dumps({"table": table, "data": list(items)}).encode()


def kinds(events: np.ndarray) -> list[str]:
    """Events in short: FEED_STATE by its state, everything else by its kind."""
    return [
        FeedState(size).name if kind == Kind.FEED_STATE else Kind(kind).name
        for kind, size in zip(events["kind"].tolist(), events["size_lots"].tolist(), strict=True)
    ]
