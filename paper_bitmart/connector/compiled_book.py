"""The visible book of a tape for a connector: best prices from the core, all else from a view on demand."""

from decimal import Decimal
from enum import Enum

import numpy as np

from paper_bitmart.backtest.tape import Tape, TapeReader
from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.connector.compiled_exchange import CompiledExchange
from paper_bitmart.connector.exchange.order_book import NAN, OrderBook
from paper_bitmart.connector.exchange.publisher import Listener, Publisher
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, joined
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.matching.core.state import NO_KEY

_NOTHING = np.empty(0, EVENT_DTYPE)


class TapeView(MarketView):
    """A market view that follows a tape when it is told to."""

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape.rules)
        self._reader = TapeReader(tape)

    def follow(self, rows: int) -> None:
        """Take in everything up to `rows` of the whole tape."""
        reader = self._reader
        while reader.done < rows:
            self._take(min(reader.start + rows - reader.done, len(reader.chunk)))

    def follow_until(self, until_ns: int) -> np.ndarray:
        """Take in what was received by `until_ns`; returns it, (n,) EVENT_DTYPE."""
        reader, taken = self._reader, []
        while reader.next_ns <= until_ns:
            end = int(reader.chunk["recv_ns"].searchsorted(until_ns, side="right"))
            taken.append(reader.chunk[reader.start : end])
            reader.advance(end)
        if not taken:
            return _NOTHING
        events = joined(taken)
        self.apply(events)
        return events

    def _take(self, end: int) -> None:
        events = self._reader.chunk[self._reader.start : end]
        self._reader.advance(end)
        self.apply(events)


class CompiledBook(OrderBook):
    """See the module. The view costs nothing to whom best prices will do, and who does not listen."""

    def __init__(self, exchange: CompiledExchange) -> None:
        Publisher.__init__(self)
        self._exchange = exchange
        self._rules = exchange.tape.rules
        self.trading_pair = trading_pair_of(exchange.symbol)
        self._best = memoryview(exchange.run.best_keys)  # type: ignore[arg-type]
        self._prices = exchange.prices
        self._followed: TapeView | None = None
        self._is_telling = False

    def get_price(self, is_buy: bool) -> Decimal:
        if self._is_telling:
            return super().get_price(is_buy)
        key = self._best[is_buy]
        if key == NO_KEY:
            return NAN
        return self._prices[-key if is_buy else key]

    def add_listener(self, event_tag: Enum, listener: Listener) -> None:
        # What was before is not told.
        self._follow()
        super().add_listener(event_tag, listener)

    @property
    def state(self) -> FeedState:
        """Of the feed, now."""
        return self._view.state

    def tell(self) -> None:
        """Tell the listeners what the market did since the last time, as one batch between two commands."""
        exchange, view = self._exchange, self._followed
        assert view is not None  # since the first listener came
        self._is_telling = True
        try:
            for until_ns in [*exchange.arrivals(), exchange.at_ns]:
                events = view.follow_until(until_ns)
                if len(events):
                    self.publish(events)
        finally:
            self._is_telling = False

    @property
    def _view(self) -> MarketView:
        return self._follow()

    def _follow(self) -> TapeView:
        if self._followed is None:
            self._followed = TapeView(self._exchange.tape)
        if not self._is_telling:
            self._followed.follow(self._exchange.run.reader.done)
        return self._followed
