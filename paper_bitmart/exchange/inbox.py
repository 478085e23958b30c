"""Market events that have been emitted and not been matched yet, of all symbols."""

from collections import deque

import numpy as np

from paper_bitmart.exchange.venue import MarketBatch
from paper_bitmart.feed.events import EVENT_DTYPE, joined

WAITING_MAX = 5_000_000
"""Default limit in events (200 MB); a source that far ahead of the clock does not pace itself."""

_NOTHING = np.empty(0, EVENT_DTYPE)


class InboxFull(RuntimeError):
    """The source emits faster than the market is matched; the batch was not taken in.

    Attributes:
        symbol: whose batch it was.
        limit: most events that may wait.
    """

    def __init__(self, symbol: str, limit: int) -> None:
        super().__init__(f"{limit} market events wait to be matched; the batch of {symbol} has no room")
        self.symbol, self.limit = symbol, limit


class MarketInbox:
    """Batches per symbol in the order of emission, handed out by time in bounded slices.

    Args:
        limit: most events that may wait, over all symbols.

    Cost: `put` O(1), `next_ns` O(symbols waiting), `take` O(symbols waiting + events due).
    """

    def __init__(self, limit: int = WAITING_MAX) -> None:
        self.limit = limit
        self._batches: dict[str, deque[np.ndarray]] = {}
        self._waiting = 0

    def __len__(self) -> int:
        """Events waiting."""
        return self._waiting

    @property
    def next_ns(self) -> int | None:
        """Receive time of the earliest event waiting; None when nothing waits."""
        return min((int(batches[0]["recv_ns"][0]) for batches in self._batches.values()), default=None)

    def put(self, symbol: str, events: np.ndarray) -> None:
        """Take in a symbol's next events.

        Args:
            events: (n,) EVENT_DTYPE, ordered by recv_ns; not changed afterwards by the caller.

        Raises:
            InboxFull: there is no room; nothing was taken in.
        """
        if not len(events):
            return
        if self._waiting + len(events) > self.limit:
            raise InboxFull(symbol, self.limit)
        self._batches.setdefault(symbol, deque()).append(events)
        self._waiting += len(events)

    def take(self, until_ns: int, budget: int) -> tuple[dict[str, MarketBatch], bool]:
        """Hand out what was received by `until_ns`, the earliest first if there is more than `budget`.

        Returns:
            Per symbol its events in order, and whether that is everything up to `until_ns`. Events of one
            instant stay together, so slightly more than `budget` may come.
        """
        due = {symbol: self._due(symbol, until_ns) for symbol in list(self._batches)}
        if sum(map(len, due.values())) <= budget:
            return self._hand_out(due), True
        times_ns = np.concatenate([events["recv_ns"] for events in due.values()])
        cut_ns = int(np.partition(times_ns, budget - 1)[budget - 1])
        for symbol, events in due.items():
            count = _count_until(events, cut_ns)
            self._put_back(symbol, events[count:])
            due[symbol] = events[:count]
        return self._hand_out(due), cut_ns >= until_ns

    def clear(self) -> None:
        """Forget everything that waits."""
        self._batches.clear()
        self._waiting = 0

    def _due(self, symbol: str, until_ns: int) -> np.ndarray:
        """Take off what a symbol has by `until_ns`, as one array."""
        batches, due = self._batches[symbol], []
        while batches and batches[0]["recv_ns"][0] <= until_ns:
            due.append(batches.popleft())
        if not due:
            return _NOTHING
        if due[-1]["recv_ns"][-1] > until_ns:
            count = _count_until(due[-1], until_ns)
            rest, due[-1] = due[-1][count:], due[-1][:count]
            self._put_back(symbol, rest)
        return joined(due)

    def _put_back(self, symbol: str, events: np.ndarray) -> None:
        if len(events):
            self._batches[symbol].appendleft(events)

    def _hand_out(self, due: dict[str, np.ndarray]) -> dict[str, MarketBatch]:
        self._waiting -= sum(map(len, due.values()))
        for symbol in due:
            if not self._batches[symbol]:
                del self._batches[symbol]
        return {symbol: MarketBatch(events) for symbol, events in due.items() if len(events)}


def _count_until(events: np.ndarray, until_ns: int) -> int:
    return int(np.searchsorted(events["recv_ns"], until_ns, side="right"))
