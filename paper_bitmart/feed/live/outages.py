"""When a symbol's market was not live, from the feed states that consumers see."""

from dataclasses import dataclass

import numpy as np

from paper_bitmart.feed.events import FeedState, Kind

FINISHED_MAX = 10_000
"""Finished outages remembered; older ones stay in the totals."""


@dataclass(slots=True)
class Outage:
    """A time in which a symbol was not LIVE.

    Attributes:
        end_ns: None while it lasts.
        state: how it began. why: what the feed knew then.
    """

    symbol: str
    start_ns: int
    state: FeedState
    why: str
    end_ns: int | None = None

    @property
    def length_ns(self) -> int | None:
        """None while it lasts."""
        return None if self.end_ns is None else self.end_ns - self.start_ns


class OutageLog:
    """All outages of a source's symbols. The time before the first LIVE is a start, not an outage."""

    def __init__(self) -> None:
        self.finished: list[Outage] = []
        self.open: dict[str, Outage] = {}
        self.count = 0
        self.longest_ns = 0
        self.total_ns = 0
        self._live: set[str] = set()

    @property
    def live(self) -> frozenset[str]:
        """Symbols that are LIVE now."""
        return frozenset(self._live)

    def note(self, symbol: str, events: np.ndarray, why: str) -> None:
        """Read the state changes among a symbol's next events, (n,) EVENT_DTYPE."""
        if not len(events):
            return
        states = events[events["kind"] == Kind.FEED_STATE]
        for at_ns, state in zip(states["recv_ns"].tolist(), states["size_lots"].tolist(), strict=True):
            self._enter(symbol, FeedState(state), at_ns, why)

    def _enter(self, symbol: str, state: FeedState, at_ns: int, why: str) -> None:
        if state is FeedState.LIVE:
            self._live.add(symbol)
            outage = self.open.pop(symbol, None)
            if outage is not None:
                self._finish(outage, at_ns)
        elif symbol in self._live:
            self._live.discard(symbol)
            self.count += 1
            self.open[symbol] = Outage(symbol, at_ns, state, why)

    def _finish(self, outage: Outage, at_ns: int) -> None:
        outage.end_ns = at_ns
        length_ns = at_ns - outage.start_ns
        self.total_ns += length_ns
        self.longest_ns = max(self.longest_ns, length_ns)
        self.finished.append(outage)
        if len(self.finished) > FINISHED_MAX:
            del self.finished[: FINISHED_MAX // 10]
