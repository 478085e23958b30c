"""A small market that tests write by hand: one symbol, whole books, prints, feed states."""

import asyncio
from decimal import Decimal

import numpy as np

from paper_bitmart.bitmart.enums import OrderType, Side
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.feed.event_buffer import PACK_EVENT
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind

SYMBOL = "BTC_USDT"
MS = 1_000_000
START_NS = 1_700_000_000 * 10**9


def rules(symbol=SYMBOL):
    """Tick 0.01, lot 0.001."""
    base, quote = symbol.split("_")
    return SymbolRules(
        symbol=symbol,
        symbol_id=1,
        base=base,
        quote=quote,
        price_decimals=2,
        size_decimals=3,
        tick=Decimal("0.01"),
        lot=Decimal("0.001"),
        min_size=Decimal("0.001"),
    )


RULES = {SYMBOL: rules()}


def _array(rows):
    return np.frombuffer(b"".join(PACK_EVENT(*row) for row in rows), EVENT_DTYPE)


def feed_state(at_ns, state):
    return _array([(at_ns, at_ns, 0, state, 0, Flag.LAST, Kind.FEED_STATE, 0)])


def book(at_ns, bids, asks, seq=0):
    """A whole new book (ticks -> lots) of a feed that is LIVE from now on."""
    rows = [(at_ns, at_ns, 0, FeedState.SYNCING, seq, Flag.LAST, Kind.FEED_STATE, 0)]
    rows.append((at_ns, at_ns, 0, 0, seq, Flag.SNAPSHOT, Kind.SNAPSHOT_BEGIN, 0))
    for side, levels in ((0, bids), (1, asks)):
        rows += [
            (at_ns, at_ns, price, size, seq, Flag.SNAPSHOT, Kind.LEVEL, side)
            for price, size in levels.items()
        ]
    rows.append((at_ns, at_ns, 0, 0, seq, Flag.SNAPSHOT | Flag.LAST, Kind.SNAPSHOT_END, 0))
    rows.append((at_ns, at_ns, 0, FeedState.LIVE, seq, Flag.LAST, Kind.FEED_STATE, 0))
    return _array(rows)


def level(at_ns, side, price_ticks, size_lots, seq=0):
    return _array([(at_ns, at_ns, price_ticks, size_lots, seq, Flag.LAST, Kind.LEVEL, side.code)])


def trade(at_ns, aggressor, price_ticks, size_lots, seq=0):
    return _array([(at_ns, at_ns, price_ticks, size_lots, seq, Flag.LAST, Kind.TRADE, aggressor.code)])


def limit(side, price_ticks, size_lots, client_order_id=None, *, symbol=SYMBOL, type=OrderType.LIMIT):
    return NewOrder(
        symbol=symbol,
        side=Side(side),
        type=type,
        price=Decimal(price_ticks) / 100,
        size=Decimal(size_lots) / 1000,
        client_order_id=client_order_id,
    )


class ScriptedSource:
    """A source whose market the test writes: `say` emits at once."""

    name = "script"
    start_ns = START_NS

    def __init__(self, symbols=(SYMBOL,)):
        self.rules = {symbol: rules(symbol) for symbol in symbols}
        self._emit = None
        self._failure = asyncio.get_running_loop().create_future()

    def say(self, *batches, symbol=SYMBOL):
        for batch in batches:
            self._emit(symbol, batch)

    def fail(self, error):
        self._failure.set_exception(error)

    async def run(self, emit):
        self._emit = emit
        await self._failure
