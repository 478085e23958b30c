"""Whole books and trades as ccxt hands them out, spoken on as BitMart's messages. No I/O.

ccxt keeps the venue's book itself; here the differences between successive books become updates.
Its numbers are floats: a price between two ticks is rounded away from the spread and its size
added there, a size is cut to whole lots, so that a book never looks better than it is.

Many venues begin a trade stream with the trades before it. Those are history, not the market of now: after
a subscription, trades are passed over that are stamped before it, until one is not (10 s at most, for a
venue whose clock is behind). A trade with an id that came before is passed over at any time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sortedcontainers import SortedDict

from paper_bitmart.bitmart.decimals import BadNumber, truncate_to_units
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.events import BUY, SELL, FeedState
from paper_bitmart.feed.live.book_publisher import BookPublisher, Print, Published, publish_trades
from paper_bitmart.feed.live.ccxt_rules import number
from paper_bitmart.feed.live.trade_ids import TradeIds
from paper_bitmart.feed.live.venue_limits import NS_PER_S, VenueLimits
from paper_bitmart.feed.live.venue_session import VenueSession

NS_PER_MS = 10**6
MAX_AGE_NS = 60 * NS_PER_S
"""ccxt tells no signs of life, and quiet pairs of small venues move seldom."""
HISTORY_NS_MAX = 10 * NS_PER_S
NO_LIMITS = VenueLimits(1, 10**6, 10**6, 10**9, 10**6, NS_PER_S, 60)
"""ccxt minds the venue's limits itself."""


class CcxtSession(VenueSession):
    """See the module. By symbol: `gaps`, streams lost; `trades_passed_over`, history and repeats."""

    # ccxt hands out no frames: there is nothing rawer to keep.
    speaks_bitmart = True

    def __init__(self, rules: Mapping[str, SymbolRules], **common: Any) -> None:
        super().__init__(rules, NO_LIMITS, max_age_ns=MAX_AGE_NS, **common)
        self._publishers = {symbol: BookPublisher(one) for symbol, one in self.rules.items()}
        self.gaps = dict.fromkeys(self.mirrors, 0)
        self.trades_passed_over = dict.fromkeys(self.mirrors, 0)
        self._trade_ids = {symbol: TradeIds() for symbol in self.mirrors}
        self._history_before_ns = dict.fromkeys(self.mirrors, 0)

    def book(self, symbol: str, book: Mapping[str, Any], at_ns: int) -> None:
        """A whole order book: `bids` and `asks` of (price, amount, ...), `timestamp` ms or None."""
        self.frames += 1
        try:
            rules = self.rules[symbol]
            bids, asks = (_side(book[name], rules, name == "bids") for name in ("bids", "asks"))
        except (BadNumber, KeyError, IndexError, TypeError) as error:
            self._refuse(f"a book that cannot be read: {error!r}", b"", at_ns, symbol)
            return
        if not bids and not asks:
            self._refuse("the venue's book is empty", b"", at_ns, symbol)
            return
        ms = int(book.get("timestamp") or at_ns // NS_PER_MS)
        mirror, publisher = self.mirrors[symbol], self._publishers[symbol]
        anew = mirror.wants_snapshot or mirror.state in (FeedState.SYNCING, FeedState.CLOSED)
        self._publish(symbol, (publisher.snapshot if anew else publisher.update)(bids, asks, ms), at_ns)

    def trades(self, symbol: str, trades: Sequence[Mapping[str, Any]], at_ns: int) -> None:
        """New trades, in order: `price`, `amount`, `side`, `timestamp`."""
        self.frames += 1
        rules = self.rules[symbol]
        prints: list[Print] = []
        for trade in trades:
            try:
                price = truncate_to_units(number(trade["price"]), rules.tick)
                size = truncate_to_units(number(trade["amount"]), rules.lot)
            except (BadNumber, KeyError, TypeError) as error:
                self._problems.append(f"{symbol}: a trade that cannot be read: {error!r}")
                continue
            ms = int(trade.get("timestamp") or at_ns // NS_PER_MS)
            if not self._is_new(symbol, trade.get("id"), ms, at_ns):
                self.trades_passed_over[symbol] += 1
            elif price > 0 and size > 0:
                side = SELL if trade.get("side") == "sell" else BUY
                prints.append(Print(price, size, side, ms))
        if prints:
            self._publish(symbol, publish_trades(rules, prints), at_ns)

    def lost(self, symbol: str, why: str, at_ns: int) -> None:
        """A symbol's stream failed; its next book is a new one."""
        self.gaps[symbol] += 1
        self._history_before_ns[symbol] = at_ns
        self._refuse(why, b"", at_ns, symbol)

    def _opened(self, at_ns: int) -> None:
        self._history_before_ns = dict.fromkeys(self.mirrors, at_ns)

    def _is_new(self, symbol: str, trade_id: str | None, ms: int, at_ns: int) -> bool:
        # Also of history: a stream may say it again later.
        is_unknown = trade_id is None or self._trade_ids[symbol].is_new(trade_id)
        before_ns = self._history_before_ns[symbol]
        if ms < before_ns // NS_PER_MS and at_ns < before_ns + HISTORY_NS_MAX:
            return False
        self._history_before_ns[symbol] = 0
        return is_unknown

    def _publish(self, symbol: str, published: Published, at_ns: int) -> None:
        self._believe(symbol, published.line, published.push, at_ns)


def _side(levels: Iterable[Sequence[Any]], rules: SymbolRules, is_bid: bool) -> SortedDict:
    """Ticks -> lots, ascending."""
    side: dict[int, int] = {}
    for level in levels:
        price, size = number(level[0]), number(level[1])
        ticks = truncate_to_units(price, rules.tick)
        if not is_bid and ticks * rules.tick != price:
            ticks += 1
        lots = truncate_to_units(size, rules.lot)
        if lots > 0 and ticks > 0:
            side[ticks] = side.get(ticks, 0) + lots
    return SortedDict(side)
