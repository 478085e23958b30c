"""When a symbol's market was not live."""

from dataclasses import dataclass

from paper_bitmart.feed.events import FeedState

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


@dataclass(slots=True)
class SymbolOutages:
    """What one symbol missed so far.

    Attributes:
        count: of outages begun. total_ns, longest_ns: of finished ones.
        last: the one that goes on, else the newest; None when there was none.
        trades_lost: trades that the venue numbered and that never came, those during outages included; 0 of
            venues that do not number their trades.
    """

    count: int = 0
    total_ns: int = 0
    longest_ns: int = 0
    last: Outage | None = None
    trades_lost: int = 0


class OutageLog:
    """All outages of a source's symbols. The time before the first LIVE is a start, not an outage.

    Attributes:
        finished: in order of their ends, without the `forgotten` oldest. open: by symbol.
        count: of outages begun. longest_ns, total_ns: of finished ones.
    """

    def __init__(self) -> None:
        self.finished: list[Outage] = []
        self.open: dict[str, Outage] = {}
        self.forgotten = 0
        self.count = 0
        self.longest_ns = 0
        self.total_ns = 0
        self._by_symbol: dict[str, SymbolOutages] = {}
        self._live: set[str] = set()
        self._is_over = False

    @property
    def live(self) -> frozenset[str]:
        """Symbols that are LIVE now."""
        return frozenset(self._live)

    @property
    def trades_lost(self) -> int:
        """Of all symbols, see `SymbolOutages`."""
        return sum(one.trades_lost for one in self._by_symbol.values())

    def __str__(self) -> str:
        if not self.count:
            return "no outages"
        told = f"{self.count:,} outages"
        if len(self.open) < self.count:
            told += f", {self.total_ns / 1e9:,.1f} s in all, the longest {self.longest_ns / 1e9:,.1f} s"
        return told + (f", {len(self.open)} of them not over" if self.open else "")

    def of(self, symbol: str) -> SymbolOutages:
        """What a symbol missed so far."""
        return self._by_symbol.setdefault(symbol, SymbolOutages())

    def enter(self, symbol: str, state: FeedState, at_ns: int, why: str) -> None:
        """A symbol's feed is in `state` from `at_ns` on; the same state again changes nothing."""
        if state is FeedState.LIVE:
            self._live.add(symbol)
            outage = self.open.pop(symbol, None)
            if outage is not None:
                self._finish(outage, at_ns)
        elif symbol in self._live:
            self._live.discard(symbol)
            if self._is_over:
                return
            self.count += 1
            self.open[symbol] = outage = Outage(symbol, at_ns, state, why)
            one = self.of(symbol)
            one.count, one.last = one.count + 1, outage

    def end(self) -> None:
        """The source stops by itself: that is no outage of its market."""
        self._is_over = True

    def _finish(self, outage: Outage, at_ns: int) -> None:
        outage.end_ns = at_ns
        length_ns = at_ns - outage.start_ns
        one = self.of(outage.symbol)
        self.total_ns += length_ns
        one.total_ns += length_ns
        self.longest_ns = max(self.longest_ns, length_ns)
        one.longest_ns = max(one.longest_ns, length_ns)
        self.finished.append(outage)
        if len(self.finished) > FINISHED_MAX:
            self.forgotten += FINISHED_MAX // 10
            del self.finished[: FINISHED_MAX // 10]
