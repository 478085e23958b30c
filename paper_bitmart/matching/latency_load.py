"""Latency that grows with load: a venue, and a line, that has more to carry is slower.

RecordedLoad(times_ns)   messages of a recording, known at once; a sample at t sees none after t
RunningLoad()            messages as they come, for a live market
LoadDependent(base, load, ns_per_message)   base + ns_per_message * messages in the last window
"""

from collections import deque
from typing import Protocol

import numpy as np

from paper_bitmart.matching.latency import DELAY_NS_MAX, LatencyError, LatencyModel

WINDOW_NS = 100_000_000
"""How far back load is counted: BitMart's publishing interval."""


class Load(Protocol):
    """How many market messages were received lately."""

    def messages(self, at_ns: int) -> int:
        """Messages with at_ns - WINDOW_NS < receive time <= at_ns; nothing later is looked at."""
        ...


class RecordedLoad:
    """Load of a recording. `times_ns`: (n,) int64 receive times of its messages, rising.

    Cost: O(log n) per question.
    """

    def __init__(self, times_ns: np.ndarray) -> None:
        if (falls := np.flatnonzero(np.diff(times_ns) < 0)).size:
            raise LatencyError("times_ns", "rising", f"row {falls[0] + 1}: {times_ns[falls[0] + 1]}")
        self._times = np.ascontiguousarray(times_ns, np.int64)

    def messages(self, at_ns: int) -> int:
        after, until = np.searchsorted(self._times, [at_ns - WINDOW_NS, at_ns], side="right")
        return int(until - after)


class RunningLoad:
    """Load of a running market: `seen` is told of each message, in order of receipt.

    Memory: one number per message of the last window. Cost: O(1) per message, O(window) per question.
    """

    def __init__(self) -> None:
        self._times: deque[int] = deque()

    def seen(self, times_ns: np.ndarray) -> None:
        """Messages were received at these times; (n,) int64, rising."""
        self._times.extend(times_ns.tolist())
        while self._times and self._times[0] <= self._times[-1] - 2 * WINDOW_NS:
            self._times.popleft()

    def messages(self, at_ns: int) -> int:
        return sum(at_ns - WINDOW_NS < time_ns <= at_ns for time_ns in self._times)


class LoadDependent:
    """`base` and, on top, `ns_per_message` for each market message of the last WINDOW_NS.

    Example: 0.5 ms a message after a burst of 20 is 10 ms more.

    Raises:
        LatencyError: `ns_per_message` is not 0 to DELAY_NS_MAX.
    """

    def __init__(self, base: LatencyModel, load: Load, ns_per_message: int) -> None:
        if isinstance(ns_per_message, bool) or not isinstance(ns_per_message, int):
            raise LatencyError("ns_per_message", "a whole number of nanoseconds", ns_per_message)
        if not 0 <= ns_per_message <= DELAY_NS_MAX:
            raise LatencyError("ns_per_message", f"between 0 and {DELAY_NS_MAX}", ns_per_message)
        self.base, self.load, self.ns_per_message = base, load, ns_per_message

    def __repr__(self) -> str:
        return f"LoadDependent({self.base!r}, ns_per_message={self.ns_per_message})"

    def sample(self, at_ns: int) -> int:
        delay_ns = self.base.sample(at_ns) + self.ns_per_message * self.load.messages(at_ns)
        return min(delay_ns, DELAY_NS_MAX)

    def export_state(self) -> str:
        return self.base.export_state()

    def import_state(self, state: str) -> None:
        self.base.import_state(state)
