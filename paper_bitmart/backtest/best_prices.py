"""Best bid and ask of a tape at given times: one compiled pass, so that a run need not record prices."""

import numpy as np

from paper_bitmart.backtest.step_matcher import StepMatcher, cached
from paper_bitmart.backtest.tape import Tape
from paper_bitmart.matching.core import loop
from paper_bitmart.matching.core.state import FEED_LIVE, IN_MESSAGE, IN_SNAPSHOT, N_REPORTS, NO_KEY


def best_prices(tape: Tape, times_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best bid and ask in ticks as they were displayed once everything up to each time had been received.

    Args:
        times_ns: (n,) int64, rising.

    Returns:
        (n,) int64 each; where the feed was not live the last ones known, 0 before the first book.

    Cost: one pass over the tape, tens of millions of events a second.
    """
    times = np.ascontiguousarray(times_ns, np.int64)
    return _BestMatcher().best_at(tape, times)


class _BestMatcher(StepMatcher):
    def best_at(self, tape: Tape, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        known, best = 0, np.zeros((2, len(times)), np.int64)
        latest = np.zeros(2, np.int64)
        for events in tape.chunks():
            start = 0
            while start < len(events) and known < len(times):
                start, known = note_best(self._state, events, start, times, known, best, latest)
                if start < len(events):
                    self._grow()
        best[:, known:] = latest[:, None]
        return best[0], best[1]


@cached
def note_best(st, events, start, times, known, best, latest):  # type: ignore[no-untyped-def]
    """Apply events[start:], writing `latest` to best[:, k] for each times[k] that is passed.

    Returns (first event not applied, times passed).
    """
    n, m = len(events), len(times)
    for i in range(start, n):
        if not loop.has_room(st):
            return i, known
        event = events[i]
        while known < m and times[known] < event["recv_ns"]:
            best[0, known], best[1, known] = latest[0], latest[1]
            known += 1
        loop.apply_event(st, event)
        st.scalars[N_REPORTS] = 0
        is_whole = not st.scalars[IN_MESSAGE] and not st.scalars[IN_SNAPSHOT]
        if is_whole and st.scalars[FEED_LIVE] and st.best[0] != NO_KEY and st.best[1] != NO_KEY:
            latest[0], latest[1] = st.best[0], -st.best[1]
    return n, known
