"""Which trades of a symbol were seen: a venue that says one twice must not make two prints of it."""

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
