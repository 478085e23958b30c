"""One trading pair's visible book, with the queries of Hummingbot's order book in exact Decimals."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.connector.exchange.events import OrderBookTradeEvent
from paper_bitmart.connector.exchange.publisher import Publisher
from paper_bitmart.connector.exchange.vocabulary import OrderBookEvent, TradeType
from paper_bitmart.feed.events import Kind
from paper_bitmart.feed.market_view import MarketView

NAN = Decimal("NaN")
ZERO = Decimal(0)


class OrderBookRow(NamedTuple):
    """A level; `update_id` is the version of the book in which it was read."""

    price: Decimal
    amount: Decimal
    update_id: int


class OrderBookQueryResult(NamedTuple):
    """Answer of a book query; what was not asked for, and what the book cannot answer, is NaN."""

    query_price: Decimal
    query_volume: Decimal
    result_price: Decimal
    result_volume: Decimal


class OrderBook(Publisher):
    """A window on a session's market view: nothing is copied, every call reads the present book.

    `is_buy` asks for the side that a buyer takes from, the asks. Volumes are of the base currency unless
    they are called quote volumes. A book that is not deep enough answers a price of NaN.
    """

    def __init__(self, view: MarketView) -> None:
        super().__init__()
        self._market_view, self._rules = view, view.rules
        self.trading_pair = trading_pair_of(view.symbol)

    # --- what is there ---

    @property
    def _view(self) -> MarketView:
        """The market as it is now."""
        return self._market_view

    @property
    def snapshot_uid(self) -> int:
        """Version of the book; rises with every change."""
        return self._view.version

    last_diff_uid = snapshot_uid

    @property
    def last_trade_price(self) -> Decimal:
        """Price of the newest print; NaN before the first."""
        return self._rules.price(trades[-1].price_ticks) if (trades := self._view.trades) else NAN

    def bid_entries(self) -> Iterator[OrderBookRow]:
        """Bids, best first."""
        return self._rows(is_buy=False)

    def ask_entries(self) -> Iterator[OrderBookRow]:
        """Asks, best first."""
        return self._rows(is_buy=True)

    def get_price(self, is_buy: bool) -> Decimal:
        """Best ask for a buyer, best bid for a seller; NaN when that side is empty."""
        level = self._view.best_ask() if is_buy else self._view.best_bid()
        return NAN if level is None else self._rules.price(level[0])

    # --- how far an amount reaches ---

    def get_price_for_volume(self, is_buy: bool, volume: Decimal) -> OrderBookQueryResult:
        """Price of the last level that `volume` needs."""
        reached = ZERO
        for row in self._rows(is_buy):
            reached += row.amount
            if reached >= volume:
                return OrderBookQueryResult(NAN, volume, row.price, volume)
        return OrderBookQueryResult(NAN, volume, NAN, reached)

    def get_price_for_quote_volume(self, is_buy: bool, quote_volume: Decimal) -> OrderBookQueryResult:
        """Price of the last level that `quote_volume` of money needs."""
        reached = ZERO
        for row in self._rows(is_buy):
            reached += row.amount * row.price
            if reached >= quote_volume:
                return OrderBookQueryResult(NAN, quote_volume, row.price, quote_volume)
        return OrderBookQueryResult(NAN, quote_volume, NAN, reached)

    def get_vwap_for_volume(self, is_buy: bool, volume: Decimal) -> OrderBookQueryResult:
        """Mean price that `volume` costs."""
        cost, missing = ZERO, volume
        for row in self._rows(is_buy):
            taken = min(row.amount, missing)
            cost, missing = cost + taken * row.price, missing - taken
            if missing <= 0:
                return OrderBookQueryResult(NAN, volume, cost / volume if volume else row.price, volume)
        return OrderBookQueryResult(NAN, volume, NAN, volume - missing)

    def get_quote_volume_for_base_amount(self, is_buy: bool, base_amount: Decimal) -> OrderBookQueryResult:
        """Money that `base_amount`, or as much of it as is there, costs."""
        cost, missing = ZERO, base_amount
        for row in self._rows(is_buy):
            taken = min(row.amount, missing)
            cost, missing = cost + taken * row.price, missing - taken
            if missing <= 0:
                break
        return OrderBookQueryResult(NAN, base_amount, NAN, cost)

    def get_volume_for_price(self, is_buy: bool, price: Decimal) -> OrderBookQueryResult:
        """Volume up to and including `price`, and the last level's price that counts."""
        return self._up_to(is_buy, price, lambda row: row.amount)

    def get_quote_volume_for_price(self, is_buy: bool, price: Decimal) -> OrderBookQueryResult:
        """Money up to and including `price`, and the last level's price that counts."""
        return self._up_to(is_buy, price, lambda row: row.amount * row.price)

    def _up_to(
        self, is_buy: bool, price: Decimal, worth: Callable[[OrderBookRow], Decimal]
    ) -> OrderBookQueryResult:
        volume, last_price = ZERO, NAN
        for row in self._rows(is_buy):
            if row.price > price if is_buy else row.price < price:
                break
            volume, last_price = volume + worth(row), row.price
        return OrderBookQueryResult(price, NAN, last_price, volume)

    def _rows(self, is_buy: bool) -> Iterator[OrderBookRow]:
        view, rules = self._view, self._rules
        book, version = view.asks if is_buy else view.bids, view.version
        for ticks in book if is_buy else reversed(book):
            yield OrderBookRow(rules.price(ticks), rules.size(book[ticks]), version)

    # --- events ---

    def publish(self, events: np.ndarray) -> None:
        """Tell the listeners what a batch of market events held, after the view took it in."""
        if not self.has_listeners:
            return
        for event in events[events["kind"] == Kind.TRADE].tolist():
            self.trigger_event(OrderBookEvent.TradeEvent, self._trade(*event))
        if (events["kind"] == Kind.LEVEL).any():
            self.trigger_event(OrderBookEvent.OrderBookDataSourceUpdateEvent, self)

    def _trade(self, recv_ns: int, exch_ns: int, price: int, size: int, *rest: Any) -> OrderBookTradeEvent:
        side = TradeType.SELL if rest[-1] else TradeType.BUY
        return OrderBookTradeEvent(
            self.trading_pair, exch_ns / 1e9, side, self._rules.price(price), self._rules.size(size)
        )
