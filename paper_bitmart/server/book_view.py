"""The book that public clients see, REST and websocket alike: the market's, or merged with own orders.

Own orders are virtual: the source's book does not hold them. On the venue itself everybody sees
everybody's orders, so a client that looks for its own order in the book misses it in `market` mode.
`merged` mode adds the resting orders of ONE account (public calls name no account, and accounts of a
paper exchange do not see each other): `ServerSettings.book_account`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from sortedcontainers import SortedDict

from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.events import Event, OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.orders import Order
from paper_bitmart.feed.events import ASK, BID
from paper_bitmart.server.settings import BookMode

if TYPE_CHECKING:
    from paper_bitmart.exchange.session import Session

Level = tuple[int, int]
"""(price_ticks, size_lots)"""
Book = tuple[dict[int, int], dict[int, int]]
"""Bids and asks, each price_ticks -> size_lots in rising price order: the best bid is the last."""
OnChange = Callable[[str, int, int], None]
"""Called with (symbol, side, price_ticks) after own resting size changed there."""

ACCOUNT_NOT_FOUND = 59001
_RESTING_TYPES = (OrderType.LIMIT, OrderType.LIMIT_MAKER)


class _Place(NamedTuple):
    """Where an own order rests."""

    symbol: str
    side: int
    price_ticks: int
    size_lots: int


class BookView:
    """Serves the visible book of each symbol.

    Construct it before anything that publishes the book, so that it hears of own orders first.

    Args:
        account: whose orders a merged book shows; None: nobody's.
    """

    def __init__(
        self, session: Session, mode: BookMode = BookMode.MARKET, account: str | None = None
    ) -> None:
        self._session = session
        self._account = account if mode is BookMode.MERGED else None
        self._orders: dict[int, _Place] = {}
        self._own: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
        self._revision = 0
        self._merged: dict[str, tuple[tuple[int, int], Book]] = {}
        self._listeners: list[OnChange] = []
        if self._account is not None:
            for order in self._resting_now():
                self._update(order)
            session.subscribe(self._on_events)

    @property
    def account(self) -> str | None:
        """Whose orders are merged in; None in market mode."""
        return self._account

    def sides(self, symbol: str) -> Book:
        """Bids and asks as they are now; not to be changed.

        Raises:
            KeyError: unknown symbol.

        Cost: O(levels) after a change, else O(1).
        """
        view = self._session.views[symbol]
        own = self._own.get(symbol)
        if own is None or not (own[BID] or own[ASK]):
            return view.bids, view.asks
        stamp = (view.version, self._revision)
        cached = self._merged.get(symbol)
        if cached is None or cached[0] != stamp:
            cached = stamp, (_merge(view.bids, own[BID]), _merge(view.asks, own[ASK]))
            self._merged[symbol] = cached
        return cached[1]

    def depth(self, symbol: str, count: int) -> tuple[list[Level], list[Level]]:
        """The best `count` levels of each side, best first."""
        bids, asks = self.sides(symbol)
        return list(islice(reversed(bids.items()), count)), list(islice(asks.items(), count))

    def best(self, symbol: str) -> tuple[Level | None, Level | None]:
        """Best bid and best ask, as of the newest depth or best-price message; None for an empty side."""
        bid, ask = self._session.views[symbol].bbo
        own = self._own.get(symbol)
        if own is None:
            return bid, ask
        return _better(bid, own[BID], max), _better(ask, own[ASK], min)

    def on_change(self, listener: OnChange) -> None:
        """Be told of every change of own resting size; never in market mode."""
        self._listeners.append(listener)

    def _resting_now(self) -> list[Order]:
        assert self._account is not None  # only asked in merged mode
        try:
            return self._session.venue.open_orders(self._account)
        except BitmartError as error:
            if error.code != ACCOUNT_NOT_FOUND:
                raise
            return []  # it may be opened later

    def _on_events(self, events: Iterable[Event]) -> None:
        for event in events:
            if (
                isinstance(event, OrderAccepted | OrderFilled | OrderCanceled)
                and event.order.account == self._account
                and event.order.type in _RESTING_TYPES
            ):
                self._update(event.order)

    def _update(self, order: Order) -> None:
        before = self._orders.pop(order.order_id, None)
        if before is not None:
            self._add(before, -before.size_lots)
        if order.is_open and order.type in _RESTING_TYPES:
            place = _Place(order.symbol, order.side.code, order.price_ticks, order.leaves_lots)
            self._orders[order.order_id] = place
            self._add(place, place.size_lots)

    def _add(self, place: _Place, lots: int) -> None:
        side = self._own.setdefault(place.symbol, ({}, {}))[place.side]
        total = side.get(place.price_ticks, 0) + lots
        if total:
            side[place.price_ticks] = total
        else:
            side.pop(place.price_ticks, None)
        self._revision += 1
        for listener in self._listeners:
            listener(place.symbol, place.side, place.price_ticks)


def _merge(market: dict[int, int], own: dict[int, int]) -> dict[int, int]:
    merged: dict[int, int] = SortedDict(market)
    for price_ticks, lots in own.items():
        merged[price_ticks] = merged.get(price_ticks, 0) + lots
    return merged


def _better(market: Level | None, own: dict[int, int], best: Callable[[Iterable[int]], int]) -> Level | None:
    """The better of the market's best level and the best own price; one level when the prices are equal."""
    if not own:
        return market
    price_ticks = best(own)
    if market is None or (market[0] != price_ticks and best((market[0], price_ticks)) == price_ticks):
        return price_ticks, own[price_ticks]
    return market[0], market[1] + own.get(market[0], 0)
