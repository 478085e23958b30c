"""Plays the market of several symbols to a venue, and stops where an order was filled.

Between two commands symbols cannot change each other, so each may run by itself - but not past the moment at
which a fill lets a strategy act. Only symbols with resting orders can bring one: if there is one such
symbol, it goes first and the others follow to where it stopped; if there are more, they take turns by time.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from paper_bitmart.backtest.step_matcher import StepMatcher
from paper_bitmart.backtest.tape import TapeReader
from paper_bitmart.exchange.events import Event, FeedChanged
from paper_bitmart.exchange.venue import Venue

OnEvents = Callable[[list[Event]], None]
OnRows = Callable[[str, np.ndarray], None]


class Player:
    """Drives `venue` with the tapes.

    Args:
        readers, matchers: by symbol, in the same order; the matchers are the venue's own.
        on_events: gets what the venue says, in order.
        on_rows: gets each stretch of played market events, or None.
    """

    def __init__(
        self,
        venue: Venue,
        readers: Mapping[str, TapeReader],
        matchers: Mapping[str, StepMatcher],
        on_events: OnEvents,
        on_rows: OnRows | None = None,
    ) -> None:
        self.readers = dict(readers)
        self._venue, self._matchers = venue, dict(matchers)
        self._on_events, self._on_rows = on_events, on_rows
        self._reported = False
        for matcher in self._matchers.values():
            matcher.stops_at_report = True

    @property
    def next_ns(self) -> int:
        """Receive time of the next event of any symbol; NEVER_NS at the end."""
        return min(reader.next_ns for reader in self.readers.values())

    @property
    def done(self) -> int:
        """Events played."""
        return sum(reader.done for reader in self.readers.values())

    def play(self, until_ns: int) -> int:
        """Play up to and including `until_ns`, or to the first moment that changed an order.

        Returns:
            The time reached: everything up to it was played.
        """
        active = [symbol for symbol, matcher in self._matchers.items() if matcher.has_orders]
        if len(active) == 1:
            until_ns = self._advance(active[0], until_ns)
        elif active:
            until_ns = self._take_turns(active, until_ns)
        for symbol in self.readers:
            if symbol not in active:
                self._advance(symbol, until_ns)
        return until_ns

    def _take_turns(self, symbols: Sequence[str], until_ns: int) -> int:
        while True:
            waiting = sorted((self.readers[symbol].next_ns, i) for i, symbol in enumerate(symbols))
            (next_ns, first), (other_ns, second) = waiting[0], waiting[1]
            if next_ns > until_ns:
                return until_ns
            # Up to the other's next event, and past it only in the order of the symbols.
            bound_ns = max(next_ns, other_ns - (first > second))
            reached_ns = self._advance(symbols[first], min(until_ns, bound_ns))
            if reached_ns < min(until_ns, bound_ns) or self._reported:
                until_ns = reached_ns

    def _advance(self, symbol: str, until_ns: int) -> int:
        """Play one symbol; returns the time reached, earlier than `until_ns` after a report."""
        reader = self.readers[symbol]
        self._reported = False
        while reader.next_ns <= until_ns:
            batch = reader.batch()
            end, events = self._venue.market(symbol, batch.events, batch.start, until_ns)
            if self._on_rows is not None:
                self._on_rows(symbol, batch.events[batch.start : end])
            reader.advance(end)
            if events:
                self._on_events(events)
                if not all(isinstance(event, FeedChanged) for event in events):
                    self._reported = True
                    until_ns = min(until_ns, int(batch.events["recv_ns"][end - 1]))
        return until_ns
