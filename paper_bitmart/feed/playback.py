"""Plays recorded events in market time. Sans-I/O: say what time it is, get what is due.

    lap 0      lap 1            each lap is the recording shifted by its length plus a seam
    |------|.|------|.|---

At a joint the market jumps back to where the recording began. To an order resting over it that is a feed
outage, so it is announced as one: FEED_STATE SYNCING at the old lap's end, then the new lap's snapshot
and FEED_STATE LIVE. Times and `seq` never go back.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind

SEAM_NS = 100_000_000
"""Market time between the last event of a lap and the first of the next: one depth interval."""

Batch = tuple[str, np.ndarray]
"""(symbol, (n,) EVENT_DTYPE)."""


class OutsideLap(ValueError):
    """A time to skip to lies before or after the present lap. Carries `at_ns`, `start_ns` and `end_ns`."""

    def __init__(self, at_ns: int, start_ns: int, end_ns: int) -> None:
        super().__init__(f"{at_ns} is outside the lap {start_ns} .. {end_ns}")
        self.at_ns, self.start_ns, self.end_ns = at_ns, start_ns, end_ns


class Playback:
    """Yields the recorded batches as market time passes.

    Args:
        events: per symbol (n,) EVENT_DTYPE as a mirror writes it: by recv_ns, a snapshot first.
        start_ns: market time of the recording's first event; None keeps the recorded times. Re-based, the
            venue's times are set by the receiver's clock: the quickest message arrived at once, none
            comes from the future.
        loop: begin anew at the end, for ever; otherwise the end is FEED_STATE CLOSED.

    Raises:
        ValueError: there are no events at all.
    """

    def __init__(
        self, events: Mapping[str, np.ndarray], *, start_ns: int | None = None, loop: bool = False
    ) -> None:
        self._events = {symbol: array for symbol, array in events.items() if len(array)}
        if not self._events:
            raise ValueError("the recording holds no market events")
        self._first_ns = min(int(array["recv_ns"][0]) for array in self._events.values())
        self._last_ns = max(int(array["recv_ns"][-1]) for array in self._events.values())
        self._seqs = 1 + max(int(array["seq"].max()) for array in self._events.values())
        self._lap_ns = self._last_ns - self._first_ns + SEAM_NS
        self._shift_ns = 0 if start_ns is None else start_ns - self._first_ns
        self._exch_shift_ns = 0
        if start_ns is not None:
            self._exch_shift_ns = min(_least_delay_ns(array) for array in self._events.values())
        self._loop = loop
        self._at = dict.fromkeys(self._events, 0)
        self.lap = 0
        self.laps_skipped = 0
        self.finished = False

    def begin(self, start_ns: int) -> None:
        """Move a re-based recording of which nothing was yielded yet: it begins at market time `start_ns`."""
        self._shift_ns = start_ns - self._first_ns

    @property
    def start_ns(self) -> int:
        """Market time at which the present lap starts."""
        return self._first_ns + self._shift_ns

    @property
    def end_ns(self) -> int:
        """Market time of the present lap's last event."""
        return self._last_ns + self._shift_ns

    @property
    def next_ns(self) -> int | None:
        """When the next event is due; None once finished."""
        if self.finished:
            return None
        waiting = [
            int(array["recv_ns"][self._at[symbol]])
            for symbol, array in self._events.items()
            if self._at[symbol] < len(array)
        ]
        return (min(waiting) if waiting else self._last_ns) + self._shift_ns

    def due(self, until_ns: int) -> Iterator[Batch]:
        """What has happened up to and including market time `until_ns` and was not yielded before.

        Batches of one symbol are in time order; symbols take turns within a lap. Whoever wants them
        interleaved asks in small steps. When `until_ns` is several laps ahead, whole laps are skipped.
        """
        while not self.finished:
            yield from self._due_in_lap(until_ns)
            if until_ns < self.end_ns:
                return
            if not self._loop:
                self.finished = True
                yield from self._announce(FeedState.CLOSED)
                return
            yield from self._announce(FeedState.SYNCING)
            self._next_lap(until_ns)

    def skip_to(self, at_ns: int) -> Iterator[Batch]:
        """Jump forward inside the present lap, leaving out what lies between.

        Yields per symbol FEED_STATE SYNCING, the book as it is at `at_ns` as a snapshot, and the state
        that the recording has there, all stamped `at_ns`.

        Raises:
            OutsideLap: `at_ns` is before the lap's start or after its end.
            ValueError: `at_ns` is before the events already yielded.
        """
        if not self.start_ns <= at_ns <= self.end_ns or self.finished:
            raise OutsideLap(at_ns, self.start_ns, self.end_ns)
        targets = {symbol: self._index_after(symbol, at_ns) for symbol in self._events}
        if any(targets[symbol] < self._at[symbol] for symbol in targets):
            raise ValueError(f"{at_ns} is in the past of this playback")
        for symbol, target in targets.items():
            if target > self._at[symbol]:
                self._at[symbol] = target
                yield symbol, self._resync(self._events[symbol][:target], at_ns)

    def _due_in_lap(self, until_ns: int) -> Iterator[Batch]:
        for symbol, array in self._events.items():
            start, end = self._at[symbol], self._index_after(symbol, until_ns)
            if end > start:
                self._at[symbol] = end
                yield symbol, self._shifted(array[start:end])

    def _index_after(self, symbol: str, until_ns: int) -> int:
        return int(np.searchsorted(self._events[symbol]["recv_ns"], until_ns - self._shift_ns, side="right"))

    def _shifted(self, events: np.ndarray) -> np.ndarray:
        shifted = events.copy()
        if self._shift_ns or self._exch_shift_ns:
            shifted["recv_ns"] += self._shift_ns
            shifted["exch_ns"] += self._shift_ns + self._exch_shift_ns
        if self.lap:
            shifted["seq"] += np.uint32(self._seq_offset)
        return shifted

    @property
    def _seq_offset(self) -> int:
        return self.lap * self._seqs % 2**32

    def _next_lap(self, until_ns: int) -> None:
        # A clock that jumped far ahead must not make us play hours of laps at once.
        laps = max(1, (until_ns - self.start_ns) // self._lap_ns)
        self.laps_skipped += laps - 1
        self.lap += laps
        self._shift_ns += laps * self._lap_ns
        self._at = dict.fromkeys(self._events, 0)

    def _announce(self, state: FeedState) -> Iterator[Batch]:
        """A change of state at the lap's end, for every symbol."""
        for symbol, array in self._events.items():
            event = np.zeros(1, EVENT_DTYPE)
            event["recv_ns"] = self.end_ns
            event["exch_ns"] = int(array["exch_ns"][-1]) + self._shift_ns + self._exch_shift_ns
            event["seq"] = (int(array["seq"].max()) + self._seq_offset) % 2**32
            event["kind"], event["size_lots"], event["flags"] = Kind.FEED_STATE, state, Flag.LAST
            yield symbol, event

    def _resync(self, past: np.ndarray, at_ns: int) -> np.ndarray:
        """SYNCING, the book that `past` adds up to, and the state it ends in."""
        levels = book_after(past)
        states = past["size_lots"][past["kind"] == Kind.FEED_STATE]
        out = np.zeros(len(levels) + 4, EVENT_DTYPE)
        out["exch_ns"] = int(past["exch_ns"][-1])
        out["seq"] = past["seq"][-1]
        out[2:-2] = levels
        out["flags"][1:-1] = Flag.SNAPSHOT
        out["kind"][:2] = Kind.FEED_STATE, Kind.SNAPSHOT_BEGIN
        out["kind"][-2:] = Kind.SNAPSHOT_END, Kind.FEED_STATE
        out["size_lots"][0] = FeedState.SYNCING
        out["size_lots"][-1] = states[-1] if len(states) else FeedState.SYNCING
        out["flags"][[0, -1]] = Flag.LAST
        out["flags"][-2] |= Flag.LAST
        shifted = self._shifted(out)
        shifted["recv_ns"] = at_ns
        return shifted


def book_after(events: np.ndarray) -> np.ndarray:
    """The levels that stand after `events`, as (n,) EVENT_DTYPE of LEVEL: bids best first, then asks."""
    begins = np.flatnonzero(events["kind"] == Kind.SNAPSHOT_BEGIN)
    since = events[begins[-1] :] if len(begins) else events
    levels = since[since["kind"] == Kind.LEVEL][::-1]
    # Reversed, so that the first of equal (side, price) is the newest word on that level.
    _, newest = np.unique(levels[["side", "price_ticks"]], return_index=True)
    standing = levels[newest]
    standing = standing[standing["size_lots"] > 0]
    signed = np.where(standing["side"] == 0, -standing["price_ticks"], standing["price_ticks"])
    return standing[np.lexsort((signed, standing["side"]))]


def _least_delay_ns(events: np.ndarray) -> int:
    """Least receive minus exchange time: clock difference and least delay together; 0 if unstamped."""
    stamped = events[events["exch_ns"] > 0]
    return int((stamped["recv_ns"] - stamped["exch_ns"]).min()) if len(stamped) else 0
