"""The market of a benchmark: a capture, repeated in time until it is long enough, for both sides."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.common import ROOT
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.events import EVENT_DTYPE, Flag, Kind

DEMO = ROOT / "fixtures" / "demo" / "demo_btc_eth_60s.jsonl.gz"
DEMO_RULES = ROOT / "fixtures" / "demo" / "symbols_details.json"

RIVAL_DTYPE = np.dtype(
    [
        ("ev", np.uint64),
        ("exch_ts", np.int64),
        ("local_ts", np.int64),
        ("px", np.float64),
        ("qty", np.float64),
        ("order_id", np.uint64),
        ("ival", np.int64),
        ("fval", np.float64),
    ],
    align=True,
)
"""hftbacktest 2.4.4's `event_dtype`."""
RIVAL_DEPTH, RIVAL_TRADE, RIVAL_SNAPSHOT = 1, 2, 4
RIVAL_EXCH, RIVAL_LOCAL, RIVAL_BUY, RIVAL_SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28


class Market(NamedTuple):
    """`events`: (n,) EVENT_DTYPE of one symbol, the first of them a whole snapshot."""

    events: np.ndarray
    rules: SymbolRules
    name: str

    @property
    def span_s(self) -> float:
        return float(self.events["recv_ns"][-1] - self.events["recv_ns"][0]) / 1e9

    def price_range(self) -> tuple[int, int]:
        """Lowest and highest price of any event, ticks."""
        priced = self.events[np.isin(self.events["kind"], (Kind.LEVEL, Kind.TRADE))]["price_ticks"]
        return int(priced.min()), int(priced.max())


def load_market(
    capture: Path = DEMO, rules: Path = DEMO_RULES, symbol: str = "BTC_USDT", events_min: int = 0
) -> Market:
    """One symbol of a capture, tiled to at least `events_min` events."""
    captured = load_capture(capture, rules, symbols=[symbol])
    events = tile(captured.events[symbol], events_min)
    return Market(events, captured.rules[symbol], f"{symbol} of {capture.name}")


def tile(events: np.ndarray, events_min: int) -> np.ndarray:
    """Repeat a market in time until there are `events_min` events.

    The joint is one ordinary depth message that turns the last book into the first: nobody resyncs, neither
    side pays for a cleared book, and the price jumps once a tile.
    """
    first = int(np.flatnonzero(events["kind"] == Kind.SNAPSHOT_END)[0]) + 1
    body = events[first:]
    body = body[np.isin(body["kind"], (Kind.LEVEL, Kind.TRADE, Kind.DEPTH_MARK))]
    lap = np.concatenate([body, _joint(events[:first], body)])
    shift_ns = int(lap["recv_ns"][-1]) - int(lap["recv_ns"][0]) + 100_000_000
    tiles = [events[:first]]
    for number in range(max(1, -(-(events_min - first) // len(lap)))):
        copy = lap.copy()
        copy["recv_ns"] += number * shift_ns
        copy["exch_ns"] += number * shift_ns
        tiles.append(copy)
    return np.concatenate(tiles)


def _joint(snapshot: np.ndarray, body: np.ndarray) -> np.ndarray:
    """LEVEL events that turn the book after `body` back into the book of `snapshot`."""
    start, end = book_of(snapshot), book_of(np.concatenate([snapshot, body]))
    changes = [(key, 0) for key in end if key not in start]
    changes += [(key, lots) for key, lots in start.items() if end.get(key) != lots]
    joint = np.zeros(len(changes), EVENT_DTYPE)
    for row, ((side, price), lots) in zip(joint, changes, strict=True):
        row["kind"], row["side"], row["price_ticks"], row["size_lots"] = Kind.LEVEL, side, price, lots
    joint["recv_ns"] = body["recv_ns"][-1] + 100_000_000
    joint["exch_ns"] = body["exch_ns"].max() + 100_000_000
    joint["flags"][-1:] = Flag.LAST
    return joint


def book_of(events: np.ndarray) -> dict[tuple[int, int], int]:
    """The displayed book after events: (side, price in ticks) -> lots."""
    book: dict[tuple[int, int], int] = {}
    levels = events[events["kind"] == Kind.LEVEL]
    for side, price, lots in zip(
        levels["side"].tolist(), levels["price_ticks"].tolist(), levels["size_lots"].tolist(), strict=True
    ):
        if lots:
            book[side, price] = lots
        else:
            book.pop((side, price), None)
    return book


def rival_events(market: Market) -> np.ndarray:
    """The same levels and prints in hftbacktest's form, (m,) RIVAL_DTYPE.

    Both of its times are our receive time, so one row serves its exchange and its local side: the form that
    is fastest for it. (The recorder's clock is behind the exchange's, which it would not take.)
    """
    events = market.events[np.isin(market.events["kind"], (Kind.LEVEL, Kind.TRADE))]
    is_trade = events["kind"] == Kind.TRADE
    kind = np.where(is_trade, RIVAL_TRADE, RIVAL_DEPTH)
    kind = np.where(events["flags"] & Flag.SNAPSHOT, RIVAL_SNAPSHOT, kind)
    side = np.where(events["side"] == 0, RIVAL_BUY, RIVAL_SELL)
    rows = np.zeros(len(events), RIVAL_DTYPE)
    rows["ev"] = kind | side | RIVAL_EXCH | RIVAL_LOCAL
    rows["exch_ts"] = rows["local_ts"] = events["recv_ns"]
    rows["px"] = events["price_ticks"] * float(market.rules.price(1))
    rows["qty"] = events["size_lots"] * float(market.rules.size(1))
    return rows
