"""Which trades of a symbol were seen: one said twice makes one print, one never said is noticed."""

from collections import deque
from collections.abc import Hashable

IDS_MAX = 1_000
"""Ids remembered; as many as any venue says again at a subscription."""


class TradeIds:
    """The newest ids, in the order of arrival: trades that come out of order are new all the same.

    >>> ids = TradeIds(2)
    >>> [ids.is_new(trade_id) for trade_id in (7, 9, 8, 9, 7)]
    [True, True, True, False, True]
    """

    def __init__(self, limit: int = IDS_MAX) -> None:
        self._order: deque[Hashable] = deque(maxlen=limit)
        self._known: set[Hashable] = set()

    def is_new(self, trade_id: Hashable) -> bool:
        """Whether it is not among the remembered ones; it is from now on."""
        if trade_id in self._known:
            return False
        if len(self._order) == self._order.maxlen:
            self._known.discard(self._order[0])
        self._order.append(trade_id)
        self._known.add(trade_id)
        return True


class TradeSequence:
    """Trade ids that a venue counts up by one: what repeats, and what never came.

    Source: on Binance's spot market ids are consecutive per symbol; a missing one is a missing trade
    (binance-public-data, issue 28).

    Attributes:
        lost: ids between the first and the newest one that did not come, or not yet.

    >>> trades = TradeSequence()
    >>> [trades.see(trade_id) for trade_id in (7, 8, 8, 11, 10)], trades.lost
    ([0, 0, None, 2, 0], 1)
    """

    def __init__(self) -> None:
        self._ids = TradeIds()
        self._first = self._newest = -1
        self._seen = 0

    @property
    def lost(self) -> int:
        if not self._seen:
            return 0
        # A repetition of long ago is taken for a trade that came late: never below none.
        return max(0, self._newest - self._first + 1 - self._seen)

    def see(self, trade_id: int) -> int | None:
        """Ids that are missing just before this one; None when it came before."""
        if not self._ids.is_new(trade_id):
            return None
        if not self._seen:
            self._first, self._newest = trade_id, trade_id - 1
        if trade_id >= self._first:
            self._seen += 1
        missing = max(0, trade_id - self._newest - 1)
        self._newest = max(self._newest, trade_id)
        return missing
