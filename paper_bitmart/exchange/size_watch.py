"""The size rule applied to a running market: what an order meets is read from its public view."""

from collections.abc import Mapping

from paper_bitmart.bitmart.enums import OrderType, Side
from paper_bitmart.exchange.orders import Order
from paper_bitmart.exchange.size_rule import (
    DISPLAYED_LEVELS,
    TRADED_WINDOW_NS,
    MarketSize,
    TooLarge,
    too_large,
)
from paper_bitmart.feed.market_view import MarketView

FRESH_NS = 10**9
"""Book and trades are looked at once a second and symbol, so that a burst of orders costs one look."""


class _Seen:
    """What a view showed at `at_ns`: lots of the best bids and asks, best prices, lots traded."""

    def __init__(self, view: MarketView, at_ns: int) -> None:
        self.at_ns = at_ns
        bids, asks = view.depth(DISPLAYED_LEVELS)
        self.lots = sum(lots for _, lots in bids), sum(lots for _, lots in asks)
        self.best_bid_ticks = bids[0][0] if bids else 0
        self.best_ask_ticks = asks[0][0] if asks else 0
        from_ns = at_ns - TRADED_WINDOW_NS
        self.traded_lots = sum(trade.size_lots for trade in view.trades if trade.recv_ns > from_ns)
        self.observed_ns = at_ns - max(view.trades[0].recv_ns, from_ns) if view.trades else 0

    def crosses(self, order: Order) -> bool:
        if order.type in (OrderType.MARKET, OrderType.IOC):
            return True
        if order.side is Side.BUY:
            return 0 < self.best_ask_ticks <= order.price_ticks
        return order.price_ticks <= self.best_bid_ticks


class SizeWatch:
    """Judges orders by the size rule.

    Args:
        views: of every symbol that orders may name; read only.
    """

    def __init__(self, views: Mapping[str, MarketView]) -> None:
        self._views = views
        self._seen: dict[str, _Seen] = {}

    def judge(self, order: Order, at_ns: int) -> list[TooLarge]:
        """How an order breaks the rule at market time `at_ns`; empty while its market shows nothing.

        A market buy is judged by the size that its amount buys at the best ask.
        """
        if order.symbol not in self._views:
            return []
        seen = self._seen.get(order.symbol)
        if seen is None or not 0 <= at_ns - seen.at_ns < FRESH_NS:
            seen = self._seen[order.symbol] = _Seen(self._views[order.symbol], at_ns)
        if not any(seen.lots):
            return []
        side = order.side is Side.SELL
        displayed = seen.lots[1 - side] if seen.crosses(order) else seen.lots[side]
        return too_large(self._lots(order, seen), MarketSize(displayed, seen.traded_lots, seen.observed_ns))

    def sentences(self, order: Order, at_ns: int) -> list[str]:
        """`judge` in words, sizes in base currency."""
        rules = self._views[order.symbol].rules

        def shown(lots: int) -> str:
            return f"{rules.size(lots).normalize():f} {rules.base}"

        return [
            one.sentence(shown(one.size_lots), shown(one.market_lots)) for one in self.judge(order, at_ns)
        ]

    def _lots(self, order: Order, seen: _Seen) -> int:
        if not order.is_market_buy:
            return order.size_lots
        price_atoms = self._views[order.symbol].rules.notional_atoms(max(1, seen.best_ask_ticks), 1)
        return order.notional_atoms // max(1, price_atoms)
