"""What is wrong with a history: order, time, snapshots, crossed books, feed gaps."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from paper_bitmart.backtest.history import History
from paper_bitmart.backtest.step_matcher import StepMatcher, cached
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind
from paper_bitmart.matching.core import loop
from paper_bitmart.matching.core.state import FEED_LIVE, IN_MESSAGE, IN_SNAPSHOT, N_REPORTS, NO_KEY

EXAMPLES_MAX = 5
LAST = int(Flag.LAST)

FINDINGS = {
    "receive time goes back": "the events are not in the order in which they were received",
    "venue time goes back": "depth that is older than the depth before it",
    "no snapshot": "levels before the first whole book",
    "crossed book": "after a message the best bid is at or above the best ask",
    "not live": "moments at which the source stopped vouching for the book",
    "message not closed": "a message without Flag.LAST before the next one",
    "bad value": "what cannot be: price <= 0, size < 0, a print of nothing, an unknown kind or side",
}
"""Every kind of finding, and what it means."""
FATAL = frozenset({"receive time goes back", "bad value"})


class Example(NamedTuple):
    """Where a finding was met: row of the history, and its receive time."""

    row: int
    recv_ns: int


@dataclass(slots=True)
class HistoryReport:
    """Result of `check_history`.

    Attributes:
        name: of what was checked. events, messages, trades: how many there are.
        first_ns, last_ns: receive times. unsynced_ns: time in which the feed was not LIVE.
        counts: by name of FINDINGS, those met. examples: the first few of each.
    """

    name: str
    events: int = 0
    messages: int = 0
    trades: int = 0
    first_ns: int = 0
    last_ns: int = 0
    unsynced_ns: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[Example]] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        """Nothing that would make a replay wrong or impossible; lesser findings may be there."""
        return not FATAL & self.counts.keys()

    def lines(self) -> list[str]:
        """The report for people, one finding a line."""
        span_s = (self.last_ns - self.first_ns) / 1e9
        found = [
            f"{self.name}: {self.events:,} events in {self.messages:,} messages, {self.trades:,} trades, "
            f"{span_s:,.1f} s, {self.unsynced_ns / 1e9:,.1f} s of it not live"
        ]
        for name, count in self.counts.items():
            rows = ", ".join(f"{example.row:,}" for example in self.examples[name])
            found.append(f"{self.name}: {count:,} x {name} ({FINDINGS[name]}); first at row {rows}")
        return found


def check_history(history: History | Path | str) -> HistoryReport:
    """Read a whole history and say what is wrong with it.

    Raises:
        HistoryError: it cannot be read at all.

    Cost: about 20 M events/s; memory of one chunk.
    """
    opened = history if isinstance(history, History) else History(history)
    return check_events(opened.chunks(), opened.symbol)


def check_events(chunks: Iterable[np.ndarray], name: str) -> HistoryReport:
    """As `check_history`, for (n,) EVENT_DTYPE chunks of one symbol in order."""
    checker = _Checker(name)
    for events in chunks:
        if len(events):
            checker.feed(events)
    return checker.finish()


class _Checker:
    def __init__(self, name: str) -> None:
        self.report = HistoryReport(name)
        self._book = _CrossMatcher()
        self._is_whole = False
        self._live_since = -1
        self._previous: np.ndarray = np.zeros(0, EVENT_DTYPE)
        self._last_depth_ns = 0

    def feed(self, events: np.ndarray) -> None:
        report, row = self.report, self.report.events
        times, kinds = events["recv_ns"], events["kind"]
        if not report.events:
            report.first_ns = int(times[0])
        before = report.last_ns if report.events else int(times[0])
        self._note("receive time goes back", np.diff(times, prepend=before) < 0, events)
        self._note("bad value", _bad_values(events), events)
        self._note("venue time goes back", self._depth_going_back(events), events)
        self._note("no snapshot", self._before_snapshot(kinds), events)
        self._note("message not closed", self._not_closed(events), events)
        self._feed_states(events)
        if report.is_usable:
            self._note_rows("crossed book", self._book.crossed_rows(events), events)
        report.events = row + len(events)
        report.messages += int(np.count_nonzero(events["flags"] & LAST))
        report.trades += int(np.count_nonzero(kinds == Kind.TRADE))
        report.last_ns = int(times[-1])

    def finish(self) -> HistoryReport:
        if self._live_since < 0:
            self.report.unsynced_ns += self.report.last_ns - max(self.report.first_ns, -self._live_since - 1)
        self.report.counts = {name: n for name in FINDINGS if (n := self.report.counts.get(name))}
        return self.report

    def _note(self, name: str, mask: np.ndarray, events: np.ndarray) -> None:
        self._note_rows(name, np.flatnonzero(mask), events)

    def _note_rows(self, name: str, rows: np.ndarray, events: np.ndarray) -> None:
        if not len(rows):
            return
        self.report.counts[name] = self.report.counts.get(name, 0) + len(rows)
        examples = self.report.examples.setdefault(name, [])
        for row in rows[: EXAMPLES_MAX - len(examples)].tolist():
            examples.append(Example(self.report.events + row, int(events["recv_ns"][row])))

    def _depth_going_back(self, events: np.ndarray) -> np.ndarray:
        mask = np.zeros(len(events), bool)
        depth = np.flatnonzero(np.isin(events["kind"], (Kind.LEVEL, Kind.DEPTH_MARK)))
        if len(depth):
            times = events["exch_ns"][depth]
            mask[depth] = np.diff(times, prepend=max(self._last_depth_ns, 0)) < 0
            self._last_depth_ns = int(times[-1])
        return mask

    def _before_snapshot(self, kinds: np.ndarray) -> np.ndarray:
        if self._is_whole:
            return np.zeros(len(kinds), bool)
        begins = np.flatnonzero(kinds == Kind.SNAPSHOT_BEGIN)
        self._is_whole = len(begins) > 0
        mask = kinds == Kind.LEVEL
        if self._is_whole:
            mask[begins[0] :] = False
        return mask

    def _not_closed(self, events: np.ndarray) -> np.ndarray:
        """Rows whose predecessor is of another receive time, though it left its message open."""
        joined = np.concatenate([self._previous, events])
        self._previous = events[-1:].copy()
        is_open = (joined["flags"][:-1] & LAST) == 0
        mask = is_open & (np.diff(joined["recv_ns"]) != 0)
        return mask if len(joined) > len(events) else np.concatenate([[False], mask])

    def _feed_states(self, events: np.ndarray) -> None:
        """`_live_since`: when the feed became LIVE, or -1 - when it was lost (-1: never live)."""
        rows = np.flatnonzero(events["kind"] == Kind.FEED_STATE)
        lost = []
        for row in rows.tolist():
            at_ns, is_live = int(events["recv_ns"][row]), events["size_lots"][row] == FeedState.LIVE
            if is_live and self._live_since < 0:
                start_ns = max(self.report.first_ns, -self._live_since - 1)
                self.report.unsynced_ns += at_ns - start_ns
                self._live_since = at_ns
            elif not is_live and self._live_since >= 0:
                lost.append(row)
                self._live_since = -1 - at_ns
        self._note_rows("not live", np.array(lost, np.int64), events)


def _bad_values(events: np.ndarray) -> np.ndarray:
    kinds, sizes = events["kind"], events["size_lots"]
    priced = np.isin(kinds, (Kind.LEVEL, Kind.TRADE, Kind.BBO))
    bad = priced & ((events["price_ticks"] <= 0) | (sizes < 0) | (events["side"] > 1))
    bad |= (kinds == Kind.TRADE) & (sizes == 0)
    return bad | (kinds > max(Kind))


class _CrossMatcher(StepMatcher):
    """Keeps the book with the core and notes after which messages it is crossed."""

    def crossed_rows(self, events: np.ndarray) -> np.ndarray:
        """Apply all events; the rows that left the book crossed."""
        rows, count, start = np.empty(len(events), np.int64), 0, 0
        while start < len(events):
            start, count = find_crossed(self._state, events, start, rows, count)
            if start < len(events):
                self._grow()
        return rows[:count]


@cached
def find_crossed(st, events, start, rows, count):  # type: ignore[no-untyped-def]
    """Apply events[start:] and write the rows at whose end a live book is crossed to `rows` from `count` on.

    Returns (first event not applied, rows written).
    """
    n = len(events)
    for i in range(start, n):
        if not loop.has_room(st):
            return i, count
        event = events[i]
        loop.apply_event(st, event)
        st.scalars[N_REPORTS] = 0
        # After a print the quotes it took may still be displayed: only depth closes a book.
        is_closed = event["flags"] & 1 and event["kind"] in (0, 1, 3, 6)
        if is_closed and st.scalars[FEED_LIVE] and not st.scalars[IN_MESSAGE] and not st.scalars[IN_SNAPSHOT]:
            bid, ask = st.best[0], st.best[1]
            if bid != NO_KEY and ask != NO_KEY and bid + ask >= 0:
                rows[count] = i
                count += 1
    return n, count
