"""A source with feed faults: symbols that are halted, or whose content stops, by the fault plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.clock import Clock
from paper_bitmart.exchange.restart import snapshot_events
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind
from paper_bitmart.feed.live.outages import OutageLog
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.feed.sources import Emit, Source
from paper_bitmart.server.faults import NS_PER_MS, Fault, Faults


@dataclass(slots=True)
class _Strike:
    """A feed fault that holds for a symbol."""

    since_ns: int
    is_stale: bool = False


class FaultySource:
    """Passes a source's market on, except where and while a feed fault holds.

    While a fault holds the symbol's events are swallowed, and the feed is announced as STALE: at once for
    a halt, after the rule's `delay_ms` for a freeze. When it ends, the book is announced anew
    (SYNCING, snapshot, the source's own state), which is how any other gap ends. A fault begins and
    ends with the symbol's next event.

    Args:
        wall: the clock of the fault plan.

    Cost: about 1 us per event, because the book must be known when a fault ends.
    """

    def __init__(self, source: Source, faults: Faults, wall: Clock) -> None:
        self._source, self._faults, self._wall = source, faults, wall
        self._views = {symbol: MarketView(rules) for symbol, rules in source.rules.items()}
        self._strikes: dict[str, _Strike] = {}

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def rules(self) -> Mapping[str, SymbolRules]:
        return self._source.rules

    @property
    def start_ns(self) -> int:
        return self._source.start_ns

    @property
    def outages(self) -> OutageLog | None:
        """Of a live source; None for a recording."""
        return getattr(self._source, "outages", None)

    def skip_to(self, at_ns: int) -> None:
        """Jump forward, if the source is a recording.

        Raises:
            ValueError: it is not, or `at_ns` is not ahead within it.
        """
        skip = getattr(self._source, "skip_to", None)
        if skip is None:
            raise ValueError(f"{self.name} cannot be skipped")
        skip(at_ns)

    async def run(self, emit: Emit) -> None:
        """As the source's own."""
        await self._source.run(lambda symbol, events: self._pass(symbol, events, emit))

    def _pass(self, symbol: str, events: np.ndarray, emit: Emit) -> None:
        view = self._views[symbol]
        view.apply(events)
        now_ns = self._wall.now_ns()
        rule = self._faults.on_feed(symbol, now_ns)
        strike = self._strikes.get(symbol)
        if rule is None:
            if strike is None:
                emit(symbol, events)
            else:
                del self._strikes[symbol]
                emit(symbol, snapshot_events(view, int(events["recv_ns"][-1])))
            return
        if strike is None:
            strike = self._strikes[symbol] = _Strike(now_ns)
            self._faults.record(rule.fault, symbol, now_ns)
        silence_ns = rule.delay_ms * NS_PER_MS if rule.fault is Fault.FEED_FROZEN else 0
        if not strike.is_stale and now_ns - strike.since_ns >= silence_ns:
            strike.is_stale = True
            emit(symbol, _stale_event(events))


def _stale_event(at: np.ndarray) -> np.ndarray:
    """FEED_STATE STALE, (1,) EVENT_DTYPE, at the time of the first event of `at`."""
    event = np.zeros(1, EVENT_DTYPE)
    for name in ("recv_ns", "exch_ns", "seq"):
        event[name] = at[name][0]
    event["kind"], event["size_lots"], event["flags"] = Kind.FEED_STATE, FeedState.STALE, Flag.LAST
    return event
