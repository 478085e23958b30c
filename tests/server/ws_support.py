"""A market by hand, a session that is only its outside, and listeners that write down what they hear."""

from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import numpy as np

from paper_bitmart.bitmart.frames import inflate
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.clock import SimulatedClock
from paper_bitmart.feed.events import ASK, BID, EVENT_DTYPE, FeedState, Flag, Kind
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.server.ws_outbox import Frame, FrameKind

MS = 1_000_000
START_NS = 1_763_800_000_000 * MS


def rules_of(symbol):
    base, _, quote = symbol.partition("_")
    return SymbolRules(
        symbol=symbol,
        symbol_id=1,
        base=base,
        quote=quote,
        price_decimals=2,
        size_decimals=4,
        tick=Decimal("0.01"),
        lot=Decimal("0.0001"),
        min_size=Decimal("0.0001"),
    )


def events(at_ns, *rows):
    """One source message: rows of (kind, side, price_ticks, size_lots), all at `at_ns`."""
    array = np.zeros(len(rows), EVENT_DTYPE)
    for event, (kind, side, price_ticks, size_lots) in zip(array, rows, strict=True):
        event["kind"], event["side"], event["price_ticks"], event["size_lots"] = (
            kind,
            side,
            price_ticks,
            size_lots,
        )
    array["recv_ns"] = array["exch_ns"] = at_ns
    array[-1]["flags"] |= Flag.LAST
    return array


def depth(at_ns, bids=(), asks=()):
    """Absolute sizes of some levels."""
    levels = [(Kind.LEVEL, BID, *level) for level in dict(bids).items()]
    levels += [(Kind.LEVEL, ASK, *level) for level in dict(asks).items()]
    return events(at_ns, *levels)


def snapshot(at_ns, bids=(), asks=()):
    """A new book; the feed is live from here on."""
    rows = [(Kind.SNAPSHOT_BEGIN, 0, 0, 0)]
    rows += [(Kind.LEVEL, BID, *level) for level in dict(bids).items()]
    rows += [(Kind.LEVEL, ASK, *level) for level in dict(asks).items()]
    rows += [(Kind.SNAPSHOT_END, 0, 0, 0), (Kind.FEED_STATE, 0, 0, FeedState.LIVE)]
    array = events(at_ns, *rows)
    array[-2]["flags"] |= Flag.LAST
    return array


def trades(at_ns, *prints):
    """Prints of (side, price_ticks, size_lots)."""
    return events(at_ns, *((Kind.TRADE, *print_) for print_ in prints))


class _NoOrders:
    def open_orders(self, account, **_):
        return []


class SessionFake:
    """What the server sees of a session: views, clock, listeners; the market is the test's to make."""

    def __init__(self, *symbols, clock=None):
        self.clock = clock or SimulatedClock(START_NS)
        self.views = {symbol: MarketView(rules_of(symbol)) for symbol in symbols or ("ETH_USDT",)}
        self.venue = _NoOrders()
        self._market, self._events = [], []

    def on_market(self, fn):
        self._market.append(fn)
        return lambda: self._market.remove(fn)

    def subscribe(self, fn):
        self._events.append(fn)
        return lambda: self._events.remove(fn)

    def emit(self, market_events, symbol="ETH_USDT"):
        """The market moves: the view first, then those who listen."""
        self.views[symbol].apply(market_events)
        for fn in tuple(self._market):
            fn(symbol, market_events)

    def tell(self, *venue_events):
        """The venue has committed these events."""
        for fn in tuple(self._events):
            fn(list(venue_events))


def decoded(frame: Frame):
    """The JSON of a push."""
    body = inflate(frame.data) if frame.kind is FrameKind.BINARY else frame.data
    return msgspec.json.decode(body)


@dataclass(eq=False)
class Recorder:
    """A listener that keeps every frame."""

    frames: list[Frame] = field(default_factory=list)

    def push(self, frame):
        self.frames.append(frame)

    def take(self):
        """The pushes since the last call, decoded."""
        heard, self.frames = [decoded(frame) for frame in self.frames], []
        return heard
