"""The line between client and venue: what has been sent and has not arrived yet.

Latency lives here and nowhere else; the venue sees only arrivals. Order on the line is total and
deterministic: by arrival time, then by the order of sending.
"""

import heapq
from typing import Generic, NamedTuple, TypeVar

from paper_bitmart.matching.latency import LatencyProfile

Item = TypeVar("Item")

IN_FLIGHT_MAX = 100_000
"""Default limit of a line; a client that has this much unanswered is broken, not fast."""


class LineFull(RuntimeError):
    """The line holds its limit already; what was sent is not on it.

    Attributes:
        limit: most items the line holds.
        account: whose item was turned away.
    """

    def __init__(self, limit: int, account: str) -> None:
        super().__init__(
            f"{limit} commands are in flight already; the one of account {account!r} was not sent"
        )
        self.limit, self.account = limit, account


class Arrival(NamedTuple, Generic[Item]):
    """One item on its way. Sorts by arrival, then by sending order."""

    arrival_ns: int
    sequence: int
    sent_ns: int
    account: str
    item: Item


class Line(Generic[Item]):
    """Items in flight, first in first out per account.

    As on one connection: a later item of an account never overtakes an earlier
    one, it arrives at the same instant at the earliest. Accounts do not delay each other.

    Args:
        limit: most items in flight at once, >= 1.

    Cost: O(log n) per item sent and per item taken; memory O(items in flight).

    Example: the second item drew a shorter delay, but waits for the first.
        >>> line = Line[str]()
        >>> line.put("buy", "alice", sent_ns=100, delay_ns=50), line.put("cancel", "alice", 110, 10)
        (150, 150)
        >>> [arrival.item for arrival in line.due(150)]
        ['buy', 'cancel']
    """

    def __init__(self, limit: int = IN_FLIGHT_MAX) -> None:
        if limit < 1:
            raise ValueError(f"limit must be >= 1, got {limit}")
        self.limit = limit
        self._heap: list[Arrival[Item]] = []
        self._sequence = 0
        # Per account (arrival of its latest item, items in flight); entries leave with the last item.
        self._latest: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_ns(self) -> int | None:
        """Arrival time of the next item, ns; None when nothing is in flight."""
        return self._heap[0].arrival_ns if self._heap else None

    def put(self, item: Item, account: str, sent_ns: int, delay_ns: int) -> int:
        """Send one item.

        Args:
            sent_ns: when it sets out, ns since 1970.
            delay_ns: how long it takes, >= 0.

        Returns:
            Its arrival time, ns: `sent_ns + delay_ns`, or the arrival of the account's last item if later.

        Raises:
            LineFull: `limit` items are in flight; this one is not added.
            ValueError: negative delay.
        """
        if delay_ns < 0:
            raise ValueError(f"delay_ns must be >= 0, got {delay_ns}")
        if len(self._heap) >= self.limit:
            raise LineFull(self.limit, account)
        latest_ns, in_flight = self._latest.get(account, (0, 0))
        arrival_ns = max(sent_ns + delay_ns, latest_ns)
        self._latest[account] = (arrival_ns, in_flight + 1)
        # The sequence is unique, so the heap never compares the items themselves.
        heapq.heappush(self._heap, Arrival(arrival_ns, self._sequence, sent_ns, account, item))
        self._sequence += 1
        return arrival_ns

    def pop(self, until_ns: int) -> Arrival[Item] | None:
        """Take the next item that has arrived by `until_ns`; None when there is none."""
        if not self._heap or self._heap[0].arrival_ns > until_ns:
            return None
        arrival = heapq.heappop(self._heap)
        latest_ns, in_flight = self._latest[arrival.account]
        if in_flight == 1:
            del self._latest[arrival.account]
        else:
            self._latest[arrival.account] = (latest_ns, in_flight - 1)
        return arrival

    def due(self, until_ns: int) -> list[Arrival[Item]]:
        """Take everything that has arrived by `until_ns`, in order of arrival."""
        arrivals = []
        while (arrival := self.pop(until_ns)) is not None:
            arrivals.append(arrival)
        return arrivals


class CommandLine(Line[Item]):
    """Commands on their way to the venue, delayed by the entry or the cancel model.

    Orders and cancels of an account share one queue: a cancel never overtakes the order it names.

    Args:
        latency: the client's delays.
        limit: most commands in flight at once.
    """

    def __init__(self, latency: LatencyProfile | None = None, limit: int = IN_FLIGHT_MAX) -> None:
        super().__init__(limit)
        self.latency = LatencyProfile() if latency is None else latency

    def send(self, command: Item, account: str, sent_ns: int, *, cancels: bool = False) -> int:
        """Send one command; `cancels` chooses the cancel model instead of the entry model.

        Returns:
            Its arrival time at the venue, ns.

        Raises:
            LineFull: the limit is reached; no delay was drawn and nothing was sent.
        """
        # Checked before sampling: a refused command must not shift the seeded stream of the others.
        if len(self) >= self.limit:
            raise LineFull(self.limit, account)
        model = self.latency.cancel if cancels else self.latency.entry
        return self.put(command, account, sent_ns, model.sample(sent_ns))
