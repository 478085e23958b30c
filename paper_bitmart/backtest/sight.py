"""What a strategy sees of the market: the venue's own book, or an older one when market data take time."""

from collections.abc import Callable, Mapping

import numpy as np

from paper_bitmart.backtest.step_matcher import StepMatcher
from paper_bitmart.backtest.tape import NEVER_NS, TapeReader
from paper_bitmart.matching.latency import Constant, LatencyModel

OnRows = Callable[[str, np.ndarray], None]


class Sight:
    """The venue's books, as they are.

    Args:
        readers, matchers: the venue's, by symbol.
    """

    def __init__(self, readers: Mapping[str, TapeReader], matchers: Mapping[str, StepMatcher]) -> None:
        self.readers, self._books = readers, matchers

    def __getitem__(self, symbol: str) -> StepMatcher:
        return self._books[symbol]

    def advance(self, now_ns: int) -> None:
        """Nothing to do: the venue has been played up to `now_ns`."""

    def next_message_ns(self) -> int:
        """When the next market message can be seen; NEVER_NS if none comes."""
        return min(reader.next_ns for reader in self.readers.values())


class DelayedSight(Sight):
    """Books of its own, played up to what has reached the client.

    The delay is drawn once per look; a later look never sees less than an earlier one.

    Args:
        readers: of its own, by symbol. on_rows: gets each stretch that comes into sight, or None.
    """

    def __init__(
        self, readers: Mapping[str, TapeReader], latency: LatencyModel, on_rows: OnRows | None = None
    ) -> None:
        super().__init__(readers, {symbol: StepMatcher() for symbol in readers})
        self._latency, self._on_rows = latency, on_rows
        self._seen_ns = 0

    def advance(self, now_ns: int) -> None:
        """Play what was received by the feed at least one delay ago."""
        self._seen_ns = max(self._seen_ns, now_ns - self._latency.sample(now_ns))
        for symbol, reader in self.readers.items():
            while reader.next_ns <= self._seen_ns:
                batch = reader.batch()
                end = self._books[symbol].process(batch.events, batch.start, self._seen_ns)
                if self._on_rows is not None:
                    self._on_rows(symbol, batch.events[batch.start : end])
                reader.advance(end)

    def next_message_ns(self) -> int:
        next_ns = super().next_message_ns()
        return next_ns if next_ns == NEVER_NS else next_ns + self._latency.sample(next_ns)


def has_delay(latency: LatencyModel) -> bool:
    """Does it ever take time?"""
    return not isinstance(latency, Constant) or latency.sample(0) > 0
