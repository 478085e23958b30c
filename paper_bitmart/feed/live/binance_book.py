"""One symbol's full book at Binance: a REST snapshot joined with the stream of differences.

Rules (Binance, "How to manage a local order book correctly"): hold the differences; get a snapshot; drop
those with u <= lastUpdateId; the first that is applied has U <= lastUpdateId + 1 <= u; from then on every
U is the u before it plus 1, else begin anew.
"""

from collections import deque
from collections.abc import Iterable
from enum import Enum

from sortedcontainers import SortedDict

from paper_bitmart.bitmart.rules import MAX_UNITS, SymbolRules
from paper_bitmart.feed.live.binance_messages import DepthSnapshot, DepthUpdate

HELD_MAX = 1_000
"""Differences remembered: 100 s, far longer than a snapshot takes."""


SNAPSHOT_LEVELS = 1_000
"""Levels a side of the snapshots that are asked for."""


class Joined(Enum):
    """What a snapshot was good for."""

    WHOLE = "the book is whole"
    TOO_OLD = "differences after it were not received"


class BinanceBook:
    """`bids`, `asks`: SortedDict ticks -> lots, ascending. `last_id`: update id of the book, -1 if none."""

    def __init__(self, rules: SymbolRules) -> None:
        self.bids: SortedDict = SortedDict()
        self.asks: SortedDict = SortedDict()
        self.last_id = -1
        self.event_ms = 0
        self.covered_bid, self.covered_ask = 0, MAX_UNITS
        self._rules = rules
        self._held: deque[DepthUpdate] = deque(maxlen=HELD_MAX)

    def forget(self) -> None:
        """The connection is lost: nothing carries over."""
        self._held.clear()
        self.drop()

    def drop(self) -> None:
        """The book is not whole any more; differences are still held for the next snapshot."""
        self.last_id = -1

    @property
    def is_whole(self) -> bool:
        return self.last_id >= 0

    def update(self, update: DepthUpdate) -> bool:
        """Take a difference; False when it does not continue a whole book, which then is none.

        Raises:
            BadNumber, NotAMultiple: a price or size off its tick or lot; the book is dropped.
        """
        self._held.append(update)
        if not self.is_whole or update.last_id <= self.last_id:
            return True
        if update.first_id > self.last_id + 1:
            self.drop()
            return False
        self._apply(update)
        return True

    def join(self, snapshot: DepthSnapshot) -> Joined:
        """Make the book of a snapshot and the differences after it.

        Raises:
            BadNumber, NotAMultiple: as `update`.
        """
        later = [update for update in self._held if update.last_id > snapshot.last_id]
        if later and later[0].first_id > snapshot.last_id + 1:
            return Joined.TOO_OLD
        self.drop()
        self.bids = SortedDict(self._units(snapshot.bids))
        self.asks = SortedDict(self._units(snapshot.asks))
        # A snapshot that is not full has the whole side.
        full_bids, full_asks = (len(side) >= SNAPSHOT_LEVELS for side in (self.bids, self.asks))
        self.covered_bid = self.bids.keys()[0] if full_bids else 0
        self.covered_ask = self.asks.keys()[-1] if full_asks else MAX_UNITS
        self.last_id = snapshot.last_id
        if self._held:
            self.event_ms = self._held[-1].event_ms
        for update in later:
            if update.first_id > self.last_id + 1:
                self.drop()
                return Joined.TOO_OLD
            self._apply(update)
        return Joined.WHOLE

    def copy_held(self, other: "BinanceBook") -> None:
        """Hold what `other` holds: for a second book that audits it."""
        self._held = other._held.copy()

    @property
    def newest_held_id(self) -> int:
        """-1 when nothing is held."""
        return self._held[-1].last_id if self._held else -1

    def _apply(self, update: DepthUpdate) -> None:
        last_id, self.last_id = update.last_id, -1
        bids, asks = self._units(update.bids), self._units(update.asks)
        for book, levels in ((self.bids, bids), (self.asks, asks)):
            for price, size in levels:
                if size:
                    book[price] = size
                else:
                    book.pop(price, None)
        self.event_ms = update.event_ms
        self.last_id = last_id

    def _units(self, levels: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
        ticks, lots = self._rules.price_ticks, self._rules.size_lots
        return [(ticks(price), lots(size)) for price, size in levels]
