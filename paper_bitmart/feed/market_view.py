"""What a public client may see of one symbol: book, recent trades, 24 h figures, candles."""

from collections import deque
from itertools import islice
from typing import NamedTuple

import numpy as np

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.book import Book
from paper_bitmart.feed.events import ASK, BID, EVENT_DTYPE, FeedState, Kind
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
        version: rises by 1 with every depth message that changed the book.
        trades: the newest `TRADES_MAX` prints, newest last.
        state: of the feed.
    """

    def __init__(self, rules: SymbolRules) -> None:
        self.rules = rules
        self.symbol = rules.symbol
        self.version = 0
        self.trades: deque[ViewTrade] = deque(maxlen=TRADES_MAX)
        self.state = FeedState.SYNCING
        self._newest = np.zeros(1, EVENT_DTYPE)
        self._klines = Klines()
        self._book = Book()
        self._sides: tuple[dict[int, int], dict[int, int]] | None = None
        self._quotes: list[Level | None] = [None, None]
        """Best prices that are newer than the book."""
        self._is_open = False

    def apply(self, events: np.ndarray) -> None:
        """Fold (n,) EVENT_DTYPE, in order, later than all before.

        Cost: 2 us, and 0.05 us per level; about 1 us per trade.
        """
        if not len(events):
            return
        messages, end, others, self._is_open = self._book.fold(events, self._is_open)
        self._sides = None
        if messages:
            self.version += messages
            self._quotes = [None, None]
        if others:
            self._apply_others(events, end)
        self._newest = events

    def _apply_others(self, events: np.ndarray, book_end: int) -> None:
        """Everything but levels. `book_end`: where the last message that changed the book ended."""
        places = np.flatnonzero(events["kind"] >= Kind.TRADE)
        for place, row in zip(places.tolist(), events[places].tolist(), strict=True):
            recv_ns, exch_ns, price, size, _, _, kind, side = row
            if kind == Kind.TRADE:
                self.trades.append(ViewTrade(recv_ns, exch_ns, side, price, size))
                self._klines.trade(exch_ns, price, size)
            elif kind == Kind.FEED_STATE:
                self.state = FeedState(size)
            elif place > book_end:
                self._quotes[side] = price, size

    @property
    def recv_ns(self) -> int:
        """Receive time of the newest event, ns since 1970; 0 before the first."""
        return int(self._newest["recv_ns"][-1])

    @property
    def exch_ns(self) -> int:
        """The venue's time of the newest event, ns since 1970; 0 before the first."""
        return int(self._newest["exch_ns"][-1])

    @property
    def bids(self) -> dict[int, int]:
        """price_ticks -> size_lots, ascending (the best bid is the last), as it is now; not to be changed.

        Whole after any array that ends with Flag.LAST; trust it only while `state` is LIVE.

        Cost: O(levels) for the first look after an `apply`.
        """
        return self._both_sides()[BID]

    @property
    def asks(self) -> dict[int, int]:
        """As `bids`; the best ask is the first."""
        return self._both_sides()[ASK]

    @property
    def bbo(self) -> tuple[Level | None, Level | None]:
        """(bid, ask) as known from the newest depth or best-price message."""
        bid, ask = self._quotes
        return bid or self.best_bid(), ask or self.best_ask()

    def best_bid(self) -> Level | None:
        """(price_ticks, size_lots) of the book, None if the side is empty."""
        return self._book.best(BID)

    def best_ask(self) -> Level | None:
        """(price_ticks, size_lots) of the book, None if the side is empty."""
        return self._book.best(ASK)

    def depth(self, n: int) -> tuple[list[Level], list[Level]]:
        """Best `n` bids and asks, best first, as (price_ticks, size_lots)."""
        return list(islice(reversed(self.bids.items()), n)), list(islice(self.asks.items(), n))

    def _both_sides(self) -> tuple[dict[int, int], dict[int, int]]:
        if self._sides is None:
            self._sides = self._book.side(BID), self._book.side(ASK)
        return self._sides

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
