"""Another venue's book, published as BitMart publishes: the best 100 a side, a version, what changed.

Whatever the venue, everything behind it then sees BitMart's messages: mirror, recording and replay are
the same for all sources.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from sortedcontainers import SortedDict

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.public_messages import DepthChange, DepthChangePush, Trade, TradePush, encode
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.bitmart.topics import DEPTH_INCREMENT, TRADE
from paper_bitmart.feed.events import SELL
from paper_bitmart.feed.pushes import Push, PushKind

PUBLISHED_LEVELS = 100
"""Protocol reference 6.9."""


class Published(NamedTuple):
    """A push, and its text as BitMart would send it."""

    line: bytes
    push: Push


class Print(NamedTuple):
    """A trade. `side`: the aggressor's, 0 buy, 1 sell."""

    price_ticks: int
    size_lots: int
    side: int
    ms: int


class BookPublisher:
    """Publishes one symbol. `version`: of the last push."""

    def __init__(self, rules: SymbolRules) -> None:
        self.version = 0
        self._rules = rules
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}

    def snapshot(self, bids: SortedDict, asks: SortedDict, ms: int) -> Published:
        """The best levels of two sides (ticks -> lots, ascending), as the first push or after a gap."""
        self._bids, self._asks = best_bids(bids), best_asks(asks)
        self.version += 1
        return self._push("snapshot", list(self._bids.items()), list(self._asks.items()), ms)

    def update(self, bids: SortedDict, asks: SortedDict, ms: int) -> Published:
        """What changed in the best levels since the last push; without levels when nothing did."""
        before_bids, before_asks = self._bids, self._asks
        self._bids, self._asks = best_bids(bids), best_asks(asks)
        self.version += 1
        changed_bids = _difference(before_bids, self._bids)
        return self._push("update", changed_bids, _difference(before_asks, self._asks), ms)

    def sign_of_life(self, ms: int) -> Published:
        """The book is as it was."""
        return self._push("update", [], [], ms)

    def _push(
        self, kind: str, bids: list[tuple[int, int]], asks: list[tuple[int, int]], ms: int
    ) -> Published:
        item = DepthChange(
            symbol=self._rules.symbol,
            asks=self._texts(asks),
            bids=self._texts(bids),
            ms_t=ms,
            type="snapshot" if kind == "snapshot" else "update",
            version=self.version,
        )
        line = encode(DepthChangePush(data=[item]))
        return Published(line, Push(PushKind.INCREMENT, DEPTH_INCREMENT, [item]))

    def _texts(self, levels: Iterable[tuple[int, int]]) -> list[tuple[str, str]]:
        price_text, size_text = self._rules.format_price, self._rules.format_size
        return [(price_text(price), size_text(size) if size else "0") for price, size in levels]


def publish_trades(rules: SymbolRules, prints: Sequence[Print]) -> Published:
    """Prints of one symbol, in order, as one push."""
    trades = [
        Trade(
            symbol=rules.symbol,
            price=rules.format_price(one.price_ticks),
            size=rules.format_size(one.size_lots),
            side=Side.SELL if one.side == SELL else Side.BUY,
            s_t=one.ms // 1000,
            ms_t=one.ms,
        )
        for one in prints
    ]
    return Published(encode(TradePush(data=trades)), Push(PushKind.TRADE, TRADE, trades))


def best_bids(bids: SortedDict) -> dict[int, int]:
    """The highest `PUBLISHED_LEVELS`, best first."""
    return {price: bids[price] for price in islice(reversed(bids), PUBLISHED_LEVELS)}


def best_asks(asks: SortedDict) -> dict[int, int]:
    """The lowest `PUBLISHED_LEVELS`, best first."""
    return dict(islice(asks.items(), PUBLISHED_LEVELS))


def _difference(before: dict[int, int], after: dict[int, int]) -> list[tuple[int, int]]:
    gone = [(price, 0) for price in before if price not in after]
    return gone + [(price, size) for price, size in after.items() if before.get(price) != size]
