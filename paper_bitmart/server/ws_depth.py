"""The book that clients of `spot/depth/increase100` hold, and what must be sent to keep it true.

A client applies a snapshot (at most 100 levels a side) and then updates without ever asking again
(protocol reference 7.3), so the stream itself keeps two promises:

1. Versions rise by one per update; a snapshot carries the version of the last update.
2. The best 100 levels a side of whoever replays the stream from any snapshot on are exactly those of the
   published book. An update therefore holds every level that changed, however deep, and also every
   unchanged level that moved up into the best 100: a snapshot did not show that one.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from sortedcontainers import SortedDict

from paper_bitmart.feed.events import ASK, BID

WINDOW = 100
"""Levels per side of a snapshot (reference 6.9)."""

Level = tuple[int, int]
"""(price_ticks, size_lots); size 0 means that the level is gone."""
Book = tuple[dict[int, int], dict[int, int]]
"""Bids and asks, each price_ticks -> size_lots (> 0) in rising price order: the best bid is the last."""


class DepthLevels(NamedTuple):
    """Levels of one message, best first on both sides, at `version`."""

    bids: list[Level]
    asks: list[Level]
    version: int

    def __bool__(self) -> bool:
        return bool(self.bids or self.asks)


def best_levels(side: int, levels: dict[int, int], count: int) -> list[Level]:
    """The best `count` levels of one side, best first."""
    items = reversed(levels.items()) if side == BID else iter(levels.items())
    return list(islice(items, count))


class DepthStream:
    """One symbol's published book, one version sequence for all its clients.

    `read_book` returns the book as it is now. `touch` notes which levels may have changed since the
    last `advance`; a level that was not touched is not looked at, so the cost of an `advance` is
    O(touched levels + WINDOW).
    """

    def __init__(self, read_book: Callable[[], Book], version: int = 1) -> None:
        self.version = version
        self._read_book = read_book
        self._sides = (_PublishedSide(BID), _PublishedSide(ASK))
        self._touched: tuple[set[int], set[int]] = (set(), set())
        self._all_touched = True
        self.advance()

    def touch(self, side: int, price_ticks: int) -> None:
        self._touched[side].add(price_ticks)

    def touch_all(self) -> None:
        """Any level may have changed: after a snapshot from the source, or of a merged book."""
        self._all_touched = True

    def advance(self) -> DepthLevels:
        """Publish the book of now: the changes, under the next version; empty if there are none."""
        changes = [self._advance_side(side, levels) for side, levels in enumerate(self._read_book())]
        self._all_touched = False
        if changes[BID] or changes[ASK]:
            self.version += 1
        return DepthLevels(changes[BID], changes[ASK], self.version)

    def snapshot(self) -> DepthLevels:
        """The best WINDOW levels of the published book, not of a newer one: its version says so."""
        bids, asks = (best_levels(side.side, side.levels, WINDOW) for side in self._sides)
        return DepthLevels(bids, asks, self.version)

    def _advance_side(self, side: int, levels: dict[int, int]) -> list[Level]:
        published, touched = self._sides[side], self._touched[side]
        candidates: Iterable[int] = touched
        if self._all_touched:
            candidates = {*published.levels, *levels}
        changes = published.take({ticks: levels.get(ticks, 0) for ticks in candidates})
        touched.clear()
        return changes


class _PublishedSide:
    """One side of the published book and the prices of its window."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.levels: dict[int, int] = SortedDict()
        self._window: set[int] = set()

    def take(self, sizes: dict[int, int]) -> list[Level]:
        """Put these sizes into the book; returns what a client must be told, best first."""
        changed = {ticks: lots for ticks, lots in sizes.items() if self.levels.get(ticks, 0) != lots}
        for ticks, lots in changed.items():
            if lots:
                self.levels[ticks] = lots
            else:
                del self.levels[ticks]
        if not changed:
            return []
        window = dict(best_levels(self.side, self.levels, WINDOW))
        for ticks in window.keys() - self._window:
            changed[ticks] = window[ticks]
        self._window = set(window)
        return sorted(changed.items(), reverse=self.side == BID)
