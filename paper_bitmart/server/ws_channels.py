"""When a public channel pushes: at most once per interval of market time, and only on change.

    StateChannel       ticker, klines, depth5/20/50, bookTicker: each push replaces the one before
    IncrementChannel   depth/increase100: snapshot, then changes (see `ws_depth`)

A push is due when the first change that it tells was received, but not before the previous push was due plus
the interval. Intervals run from due time to due time, not from one sending to the next: else a market that
speaks every 100 ms would be told later and later, until one of its messages had waited for a whole interval.

Channels are sans-I/O: the market marks them, time passes by argument, frames come out. They exist, or
for increase100 work, only while somebody listens.
"""

from collections.abc import Callable, Sequence

from paper_bitmart.server.ws_depth import DepthLevels, DepthStream
from paper_bitmart.server.ws_outbox import Frame

MS_NS = 1_000_000
INCREMENT_INTERVAL_NS = 100 * MS_NS
KEEP_ALIVE_NS = 10_000 * MS_NS
"""A quiet increase100 topic repeats its version with no levels (reference 7.1 step 7, 10 #31)."""

State = tuple[object, Callable[[int], Frame]]
"""What must change for a push to be worth sending, and how to make that push with a given `ms_t`."""


class _Schedule:
    """When the next push of a channel is due; market time, ns."""

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._last_ns: int | None = None
        self._due_ns = 0
        self._wanted_ns: int | None = None

    def want(self, since_ns: int) -> None:
        """Something changed at `since_ns` that is to be told."""
        if self._wanted_ns is None:
            self._wanted_ns = since_ns

    @property
    def is_wanted(self) -> bool:
        return self._wanted_ns is not None

    @property
    def next_ns(self) -> int | None:
        """When `take` should be asked next; None while nothing is wanted."""
        return self._open_ns if self.is_wanted else None

    def take(self, at_ns: int) -> bool:
        """Whether a push is due by now; the wish is fulfilled then, whether it comes to a push or not."""
        if self._wanted_ns is None or not _elapsed(self._last_ns, self._interval_ns, at_ns):
            return False
        self._due_ns = min(max(self._open_ns, self._wanted_ns), at_ns)
        self._wanted_ns = None
        return True

    def pushed(self) -> None:
        """What `take` let through goes out."""
        self._last_ns = self._due_ns

    def start(self, at_ns: int) -> None:
        """A push goes out now, unasked."""
        self._last_ns = at_ns

    @property
    def _open_ns(self) -> int:
        return 0 if self._last_ns is None else self._last_ns + self._interval_ns


class StateChannel:
    """One topic whose pushes each show the whole current state.

    Args:
        interval_ns: shortest time between two pushes; 0 pushes on every change.
        read: the states to show, the current one last. More than one only where an older state may
            have had its final change since the last push (the candle before the current one).
        time_ms: the time of the market's latest change, ms since 1970.
    """

    def __init__(
        self, interval_ns: int, read: Callable[[], Sequence[State]], time_ms: Callable[[], int]
    ) -> None:
        self._schedule = _Schedule(interval_ns)
        self._read = read
        self._time_ms = time_ms
        self._latest: Frame | None = None
        self._shown: list[object] = []
        self._last_ms = 0

    def mark(self, since_ns: int) -> None:
        """At `since_ns` the market changed in a way that this channel may show."""
        self._schedule.want(since_ns)

    @property
    def next_ns(self) -> int | None:
        """When `due` should be asked next; None while nothing is marked."""
        return self._schedule.next_ns

    def join(self, at_ns: int) -> Frame | None:
        """The first push of a new subscriber: what the others saw last, else the state of now."""
        states = self._read() if self._latest is None else ()
        if states:
            self._latest = states[-1][1](self._next_ms())
            self._schedule.start(at_ns)
            # Those who joined before the first state have not seen it yet: for them it stays due.
            self._shown = [] if self._schedule.is_wanted else [key for key, _ in states]
        return self._latest

    def due(self, at_ns: int) -> list[Frame]:
        """The pushes that are due, oldest state first; empty if nothing changed or it is too early."""
        return self._show(self._read()) if self._schedule.take(at_ns) else []

    def _show(self, states: Sequence[State]) -> list[Frame]:
        fresh = [make for key, make in states if key not in self._shown]
        self._shown = [key for key, _ in states]
        frames = [make(self._next_ms()) for make in fresh]
        if frames:
            self._latest = frames[-1]
            self._schedule.pushed()
        return frames

    def _next_ms(self) -> int:
        # Hummingbot takes a depth50 push's ms_t for its update id, which has to rise (reference 6.8).
        self._last_ms = max(self._time_ms(), self._last_ms + 1)
        return self._last_ms


class IncrementChannel:
    """The increase100 topic of one symbol.

    Args:
        stream: the published book.
        encode: makes the frame of these levels; the flag says snapshot or update.
    """

    def __init__(self, stream: DepthStream, encode: Callable[[DepthLevels, bool], Frame]) -> None:
        self._stream = stream
        self._encode = encode
        self._schedule: _Schedule | None = None
        """None while nobody listens."""
        self._sent_ns = 0
        self._snapshot: Frame | None = None
        self._snapshot_version = -1

    def touch(self, side: int, price_ticks: int) -> None:
        """This level may have changed."""
        # Without listeners nothing is collected: the next one to come makes the whole book anew.
        if self._schedule is not None:
            self._stream.touch(side, price_ticks)

    def touch_all(self) -> None:
        """Any level may have changed."""
        self._stream.touch_all()

    def mark(self, since_ns: int) -> None:
        """What was touched changed at `since_ns`."""
        if self._schedule is not None:
            self._schedule.want(since_ns)

    @property
    def next_ns(self) -> int | None:
        """When `due` should be asked next; None while nobody listens."""
        if self._schedule is None:
            return None
        keep_alive_ns, update_ns = self._sent_ns + KEEP_ALIVE_NS, self._schedule.next_ns
        return keep_alive_ns if update_ns is None else min(keep_alive_ns, update_ns)

    def join(self, at_ns: int) -> Frame:
        """The snapshot with which a subscriber begins."""
        if self._schedule is None:
            self._refresh()
            # Not started: one client's snapshot would put the updates of all out of the market's step.
            self._schedule = _Schedule(INCREMENT_INTERVAL_NS)
            self._sent_ns = at_ns
        return self.snapshot()

    def leave(self) -> None:
        """The last subscriber left."""
        self._schedule = None

    def snapshot(self) -> Frame:
        """A snapshot at the version of the last update, shared by all that ask at this version."""
        if self._schedule is None:
            self._refresh()
        if self._snapshot is None or self._snapshot_version != self._stream.version:
            self._snapshot = self._encode(self._stream.snapshot(), True)
            self._snapshot_version = self._stream.version
        return self._snapshot

    def due(self, at_ns: int) -> Frame | None:
        """The update that is due, or the sign of life of a quiet market, or None."""
        if self._schedule is None:
            return None
        if self._schedule.take(at_ns):
            levels = self._stream.advance()
            if levels:
                self._schedule.pushed()
                self._sent_ns = at_ns
                return self._encode(levels, False)
        if not _elapsed(self._sent_ns, KEEP_ALIVE_NS, at_ns):
            return None
        self._sent_ns = at_ns
        return self._encode(DepthLevels([], [], self._stream.version), False)

    def _refresh(self) -> None:
        # Nobody holds the older versions, so the changes in between need not be sent.
        self._stream.touch_all()
        self._stream.advance()


def _elapsed(since_ns: int | None, interval_ns: int, at_ns: int) -> bool:
    """Whether the interval is over; a clock that was set back starts it anew rather than stalling it."""
    return since_ns is None or not since_ns <= at_ns < since_ns + interval_ns
