"""The hook of a recorder: a wheel tells it everything that it gives to its venue, and what came of it.

The venue is deterministic, so its rules, its settings, its state at the start and these calls in this order
are the whole session. What is not on the tape has not happened to the venue.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from paper_bitmart.exchange.calls import Run
from paper_bitmart.exchange.events import Event
from paper_bitmart.exchange.markets import MarketBatch
from paper_bitmart.exchange.venue import Venue


class SessionTape(Protocol):
    """Takes a session down. It must neither raise nor block: what it cannot keep is its own problem.

    What was told since the last `commit` has happened once `commit` is called, and never did if `restarted`
    is. The records and arrays it is given are not changed afterwards.
    """

    def market(self, batches: Mapping[str, MarketBatch], events: list[Event]) -> None:
        """`venue.market_all(batches)` gave `events`."""
        ...

    def called(self, run: Run, sent_ns: int, at_ns: int, result: Any, refused: Exception | None) -> None:
        """`run(venue, at_ns)`, sent at `sent_ns`, gave `result` or was `refused`."""
        ...

    def feeds_closed(self, at_ns: int, events: list[Event]) -> None:
        """`venue.close_feeds(at_ns)` gave `events`."""
        ...

    def commit(self) -> None:
        """What was told is durable: it is to be recorded."""
        ...

    def restarted(self, venue: Venue, events: list[Event]) -> None:
        """A failed write was rolled back: the session goes on with this venue, as it is now.

        `events`: what the way back did to the feeds.
        """
        ...

    def close(self, venue: Venue | None) -> None:
        """The end; `venue` as it was left, None if the session failed."""
        ...
