"""One market per symbol: its rules, its matcher, and what is known of its feed."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, Protocol

import numpy as np

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.checks import SymbolLimits
from paper_bitmart.feed.events import FeedState, Kind
from paper_bitmart.matching.matcher import WINDOW_TICKS, Matcher
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel

_TRADE, _FEED_STATE = bytes([Kind.TRADE]), bytes([Kind.FEED_STATE])


class MatcherLike(Protocol):
    """What the venue needs of a matching core; `paper_bitmart.matching` has the real one."""

    def process(self, events: np.ndarray, start: int, until_ns: int) -> int: ...
    def place(
        self,
        order_id: int,
        account: int,
        side: int,
        order_type: int,
        price_ticks: int,
        size_lots: int,
        budget: int,
        stp: int,
        at_ns: int,
    ) -> None: ...
    def cancel(self, order_id: int, at_ns: int) -> int: ...
    def drain(self) -> np.ndarray: ...
    def queue_ahead(self, order_id: int) -> float: ...
    def explain(self, order_id: int) -> object: ...
    def dump(self) -> bytes: ...
    def restore_order(
        self,
        order_id: int,
        account: int,
        side: int,
        price_ticks: int,
        leaves_lots: int,
        queue_ahead: float,
        at_ns: int,
    ) -> None: ...


class MatcherFactory(Protocol):
    """Makes the matcher of one symbol: new by calling it, or from what `MatcherLike.dump` gave.

    The matcher class itself is one.
    """

    def __call__(self) -> MatcherLike: ...
    def load(self, blob: bytes) -> MatcherLike: ...


@dataclass(frozen=True, slots=True)
class CoreMatchers:
    """Makes matchers with other settings than the core's defaults; see `Matcher` for their meaning."""

    queue_model: QueueModel = DEFAULT_MODEL
    window_ticks: int = WINDOW_TICKS
    published_levels: int = 100

    def __call__(self) -> Matcher:
        return Matcher(
            queue_model=self.queue_model,
            window_ticks=self.window_ticks,
            published_levels=self.published_levels,
        )

    def load(self, blob: bytes) -> Matcher:
        return Matcher.load(blob, queue_model=self.queue_model)


class Report(NamedTuple):
    """One row of the core's REPORT_DTYPE as Python numbers."""

    at_ns: int
    order_id: int
    counter_id: int
    price_ticks: int
    size_lots: int
    leaves_lots: int
    evidence_price_ticks: int
    evidence_lots: int
    exch_ns: int
    ahead_before: float
    ahead_after: float
    seq: int
    kind: int
    reason: int
    role: int


class Occurrence(NamedTuple):
    """A report or a feed change of one symbol; `place` is its ordinal among those found together."""

    at_ns: int
    seq: int
    symbol_index: int
    place: int
    symbol: str
    what: Report | FeedState

    def rank(self) -> tuple[int, int, int, int]:
        """Time, then message, then symbol: the order in which one stream of all symbols would have them."""
        return self.at_ns, self.seq, self.symbol_index, self.place


class MarketBatch(NamedTuple):
    """Events of one symbol (EVENT_DTYPE), to be read from `start`."""

    events: np.ndarray
    start: int = 0


class Market:
    """A symbol's matcher and what is known of its feed; no orders are taken unless the feed is LIVE."""

    def __init__(self, rules: SymbolRules, index: int, matcher: MatcherLike) -> None:
        self.rules = rules
        self.limits = SymbolLimits(rules)
        self.index = index
        self.matcher = matcher
        self.feed_state = FeedState.SYNCING
        self.last_price_ticks = 0
        """Of the latest print; 0 before the first."""
        self.last_recv_ns = 0

    def advance(self, events: np.ndarray, start: int, until_ns: int) -> tuple[int, list[Occurrence]]:
        """Match the market's events from `start` with recv_ns <= until_ns.

        Returns:
            Index of the first event not applied, and what came of the others in time order; mostly nothing.
        """
        end = self.matcher.process(events, start, until_ns)
        if end <= start:
            return end, []
        reports = self.drain()
        applied = events[start:end]
        self.last_recv_ns = int(applied["recv_ns"][-1])
        # As bytes, because searching them costs a tenth of the same question to an array this small.
        kinds = applied["kind"].tobytes()
        last_trade = kinds.rfind(_TRADE)
        if last_trade >= 0:
            self.last_price_ticks = int(applied["price_ticks"][last_trade])
        feed_changes = list(self._feed_changes(applied)) if _FEED_STATE in kinds else []
        if not reports and not feed_changes:
            return end, []
        # Sorting is stable, so a feed change goes first among equals: nothing fills out of sync.
        causes = feed_changes + [(report.at_ns, report.seq, report) for report in reports]
        causes.sort(key=itemgetter(0))
        symbol = self.rules.symbol
        return end, [
            Occurrence(at_ns, seq, self.index, place, symbol, what)
            for place, (at_ns, seq, what) in enumerate(causes)
        ]

    def drain(self) -> list[Report]:
        reports = self.matcher.drain()
        if not len(reports):
            return []
        # The dtype's last field is padding.
        return [Report._make(row[:-1]) for row in reports.tolist()]

    def _feed_changes(self, applied: np.ndarray) -> Iterator[tuple[int, int, Report | FeedState]]:
        for row in applied[applied["kind"] == Kind.FEED_STATE]:
            state = FeedState(int(row["size_lots"]))
            if state is not self.feed_state:
                self.feed_state = state
                yield int(row["recv_ns"]), int(row["seq"]), state
