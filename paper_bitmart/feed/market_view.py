"""What a public client may see of one symbol: book, recent trades, 24 h figures, candles."""

from collections import deque
from typing import NamedTuple

import numpy as np
from sortedcontainers import SortedDict

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.events import ASK, BID, FeedState, Flag, Kind
from paper_bitmart.feed.klines import CANDLES_MAX, Candle, Klines
from paper_bitmart.feed.levels import Level

TRADES_MAX = 1_000
DAY_S = 86_400


class ViewTrade(NamedTuple):
    """A print. `exch_ns`: the venue's stamp; `side`: the aggressor's, 0 buy, 1 sell."""

    recv_ns: int
    exch_ns: int
    side: int
    price_ticks: int
    size_lots: int


class Ticker(NamedTuple):
    """The last 24 hours, to the minute: the window begins with the minute that holds its start.

    Prices in ticks, `volume_lots` in lots, `quote_volume` in tick * lots; `bid` and `ask` are
    (price_ticks, size_lots). Prices are None before the first trade; `at_ns` is the newest exchange time.
    """

    at_ns: int
    last_ticks: int | None
    open_ticks: int | None
    high_ticks: int | None
    low_ticks: int | None
    volume_lots: int
    quote_volume: int
    bid: Level | None
    ask: Level | None


class MarketView:
    """Folds market events into what can be looked at.

    Attributes:
        bids, asks: SortedDict price_ticks -> size_lots, both ascending (the best bid is the last key). Whole
            after any array that ends with Flag.LAST; trust them only while `state` is LIVE.
        version: rises by 1 with every depth message that changed the book.
        trades: the newest `TRADES_MAX` prints, newest last.
        bbo: (bid, ask) as known from the newest depth or best-price message.
        state, recv_ns, exch_ns: of the feed; times of the newest event, ns since 1970, 0 before the first.
    """

    def __init__(self, rules: SymbolRules) -> None:
        self.rules = rules
        self.symbol = rules.symbol
        self.bids: SortedDict = SortedDict()
        self.asks: SortedDict = SortedDict()
        self.version = 0
        self.trades: deque[ViewTrade] = deque(maxlen=TRADES_MAX)
        self.bbo: tuple[Level | None, Level | None] = (None, None)
        self.state = FeedState.SYNCING
        self.recv_ns = 0
        self.exch_ns = 0
        self._klines = Klines()
        self._changed = False

    def apply(self, events: np.ndarray) -> None:
        """Fold (n,) EVENT_DTYPE, in order, later than all before.

        Cost: about 1 us per event.
        """
        books = (self.bids, self.asks)
        for recv_ns, exch_ns, price, size, _, flags, kind, side in events.tolist():
            if kind == Kind.LEVEL:
                _set_level(books[side], price, size)
                self._changed = True
            elif kind == Kind.TRADE:
                self.trades.append(ViewTrade(recv_ns, exch_ns, side, price, size))
                self._klines.trade(exch_ns, price, size)
            elif kind == Kind.BBO:
                bid, ask = self.bbo
                self.bbo = ((price, size), ask) if side == BID else (bid, (price, size))
            elif kind == Kind.SNAPSHOT_BEGIN:
                self.bids.clear()
                self.asks.clear()
                self._changed = True
            elif kind == Kind.FEED_STATE:
                self.state = FeedState(size)
            self.recv_ns, self.exch_ns = recv_ns, exch_ns
            if flags & Flag.LAST and self._changed:
                self._message_done()

    def best_bid(self) -> Level | None:
        """(price_ticks, size_lots) of the book, None if the side is empty."""
        return self.bids.peekitem(-1) if self.bids else None

    def best_ask(self) -> Level | None:
        """(price_ticks, size_lots) of the book, None if the side is empty."""
        return self.asks.peekitem(0) if self.asks else None

    def depth(self, n: int) -> tuple[list[Level], list[Level]]:
        """Best `n` bids and asks, best first, as (price_ticks, size_lots)."""
        bids = [(price, self.bids[price]) for price in self.bids.islice(max(0, len(self.bids) - n))]
        return bids[::-1], [(price, self.asks[price]) for price in self.asks.islice(stop=n)]

    def klines(self, step_min: int, limit: int = CANDLES_MAX) -> list[Candle]:
        """Newest `limit` candles of a step, oldest first, by the venue's time; see `Klines.last`."""
        return self._klines.last(step_min, limit)

    def ticker(self) -> Ticker:
        """The rolling 24 hours up to the newest event.

        Cost: O(minutes with trades), at most 1,441.
        """
        from_s = self.exch_ns // 10**9 - DAY_S
        minutes = [minute for minute in self._klines.minutes() if minute.open_s + 60 > from_s]
        return Ticker(
            at_ns=self.exch_ns,
            last_ticks=self.trades[-1].price_ticks if self.trades else None,
            open_ticks=minutes[0].open_ticks if minutes else None,
            high_ticks=max((minute.high_ticks for minute in minutes), default=None),
            low_ticks=min((minute.low_ticks for minute in minutes), default=None),
            volume_lots=sum(minute.volume_lots for minute in minutes),
            quote_volume=sum(minute.quote_volume for minute in minutes),
            bid=self.bbo[BID],
            ask=self.bbo[ASK],
        )

    def _message_done(self) -> None:
        self._changed = False
        self.version += 1
        self.bbo = (self.best_bid(), self.best_ask())


def _set_level(book: SortedDict, price: int, size: int) -> None:
    if size:
        book[price] = size
    else:
        book.pop(price, None)
