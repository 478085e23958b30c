"""Both sides of a published book in sorted arrays, which the compiled core changes (`book_core.py`)."""

from collections.abc import Sequence

import numpy as np

from paper_bitmart.feed.book_core import PRICE, SIZE, apply_levels, fold_events, is_crossed
from paper_bitmart.feed.events import ASK, BID, EVENT_DTYPE, Flag, Kind
from paper_bitmart.feed.levels import Level

CAPACITY = 256
"""Levels a side that a new book has room for; it grows by doubling."""


class Book:
    """Bids and asks of one symbol, price_ticks -> size_lots.

    Attributes:
        levels: (2, 2, capacity) int64: side, price_ticks | size_lots, level; prices ascend on both sides.
        counts: (2,) int64: levels of each side; what lies beyond them in `levels` means nothing.
    """

    def __init__(self) -> None:
        self.levels = np.zeros((2, 2, CAPACITY), np.int64)
        self.counts = np.zeros(2, np.int64)

    def side(self, side: int) -> dict[int, int]:
        """A copy of a side, prices ascending. Cost: O(levels), about 5 us for 100."""
        count = self.counts[side]
        prices, sizes = self.levels[side, :, :count].tolist()
        return dict(zip(prices, sizes, strict=True))

    def count(self, side: int) -> int:
        return int(self.counts[side])

    def best(self, side: int) -> Level | None:
        """None if the side is empty."""
        return self._level(side, -1 if side == BID else 0)

    def worst(self, side: int) -> Level | None:
        """The worst published level, None if the side is empty."""
        return self._level(side, 0 if side == BID else -1)

    @property
    def is_crossed(self) -> bool:
        """Best bid at or above best ask."""
        return bool(is_crossed(self.levels, self.counts))

    def clear(self) -> None:
        self.counts[:] = 0

    def replace(self, side: int, levels: Sequence[Level]) -> None:
        """Make a side of its levels (no price twice); those of size 0 are left out."""
        kept = sorted(level for level in levels if level[1])
        self._make_room(len(kept))
        self.counts[side] = len(kept)
        self.levels[side, :, : len(kept)] = np.array(kept, np.int64).reshape(-1, 2).T

    def difference(self, side: int, levels: Sequence[Level]) -> list[Level]:
        """What turns a side into exactly `levels` (no price twice)."""
        published = dict(levels)
        return [*((price, 0) for price in self.side(side) if price not in published), *levels]

    def apply(
        self, side: int, levels: Sequence[Level], window: int, recv_ns: int, exch_ns: int, seq: int
    ) -> np.ndarray:
        """Write absolute sizes into a side (no price twice); returns what really changed, see `apply_levels`.

        Returns:
            (n,) EVENT_DTYPE, LEVEL events in the order given.
        """
        self._make_room(self.count(side) + len(levels))
        changes = np.array(levels, np.int64).reshape(-1, 2)
        rows = np.empty(len(levels), EVENT_DTYPE)
        n = apply_levels(
            self.levels, self.counts, side, changes, len(changes), window, rows, 0, recv_ns, exch_ns, seq
        )
        return rows[:n]

    def fold(self, events: np.ndarray, is_open: bool) -> tuple[int, int, int, bool]:
        """Follow a book by its events; see `fold_events`, which says what is returned after its index."""
        at, messages, end, others = 0, 0, -1, 0
        while True:
            at, more, last, count, is_open = fold_events(self.levels, self.counts, events, at, is_open)
            messages, end, others = messages + more, max(end, last), others + count
            if at == len(events):
                return messages, end, others, is_open
            self._make_room(self.levels.shape[2] + 1)

    def rows(self, recv_ns: int, exch_ns: int, seq: int) -> np.ndarray:
        """All levels as the LEVEL events of a snapshot, bids first, best first: (n,) EVENT_DTYPE."""
        bids, asks = self.counts
        rows = np.zeros(bids + asks, EVENT_DTYPE)
        rows["recv_ns"], rows["exch_ns"], rows["seq"] = recv_ns, exch_ns, seq
        rows["kind"], rows["flags"] = Kind.LEVEL, Flag.SNAPSHOT
        rows["side"][bids:] = ASK
        for name, field in (("price_ticks", PRICE), ("size_lots", SIZE)):
            rows[name][:bids] = self.levels[BID, field, :bids][::-1]
            rows[name][bids:] = self.levels[ASK, field, :asks]
        return rows

    def _level(self, side: int, at: int) -> Level | None:
        count = self.count(side)
        if not count:
            return None
        price, size = self.levels[side, :, at % count].tolist()
        return price, size

    def _make_room(self, count: int) -> None:
        capacity = self.levels.shape[2]
        if count <= capacity:
            return
        while capacity < count:
            capacity *= 2
        grown = np.zeros((2, 2, capacity), np.int64)
        grown[:, :, : self.levels.shape[2]] = self.levels
        self.levels = grown
