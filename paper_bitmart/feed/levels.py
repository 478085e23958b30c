"""One side of a published book, and what a message changes in it."""

from collections.abc import Sequence
from typing import NamedTuple

from sortedcontainers import SortedDict

from paper_bitmart.feed.events import BID, Flag

_LEFT, _ENTERED = int(Flag.LEFT_WINDOW), int(Flag.ENTERED_WINDOW)

Level = tuple[int, int]
"""(price_ticks, size_lots); size 0 means the level is gone."""


class LevelChange(NamedTuple):
    price_ticks: int
    size_lots: int
    flags: int
    """LEFT_WINDOW or ENTERED_WINDOW, else 0."""


def best_of(book: SortedDict, side: int) -> int | None:
    """Best price in ticks, None if the side is empty."""
    return book.keys()[-1 if side == BID else 0] if book else None


def worst_of(book: SortedDict, side: int) -> int | None:
    """Worst published price in ticks, None if the side is empty."""
    return book.keys()[0 if side == BID else -1] if book else None


def apply_levels(book: SortedDict, side: int, levels: Sequence[Level], window: int) -> list[LevelChange]:
    """Write absolute sizes into a side; return what really changed, in the order given.

    A venue that publishes only the best `window` levels pushes "0" for a level that merely left them, and
    sends a level that moved in as if it were new. Both are told by the window's edge:

    - LEFT_WINDOW: size 0, the side still has `window` levels after the message, and the price is worse
      than the worst of them;
    - ENTERED_WINDOW: a new price, worse than the side's worst before the message, and the side was full.

    Cost: O(levels * log(book)).
    """
    edge_before = _edge(book, side, window)
    changed: list[tuple[int, int, bool]] = []
    for price, size in levels:
        old = book.get(price, 0)
        if size == old:
            continue
        if size:
            book[price] = size
        else:
            del book[price]
        changed.append((price, size, not old))
    if not changed:
        return []
    edge_after = _edge(book, side, window)
    return [
        # A known level that stands cannot have crossed the edge: most changes need no look at it.
        LevelChange(price, size, 0)
        if size and not new
        else LevelChange(price, size, _window_flag(price, size, side, edge_before, edge_after))
        for price, size, new in changed
    ]


def _window_flag(price: int, size: int, side: int, edge_before: int | None, edge_after: int | None) -> int:
    edge = edge_before if size else edge_after
    if edge is None or not (price < edge if side == BID else price > edge):
        return 0
    return _ENTERED if size else _LEFT


def _edge(book: SortedDict, side: int, window: int) -> int | None:
    return worst_of(book, side) if len(book) >= window else None
