"""A matcher that can stop at its first report and shows its book: what a strategy needs of the core."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from paper_bitmart.matching.core import loop
from paper_bitmart.matching.core.book import level_size, next_key
from paper_bitmart.matching.core.compiled import SOURCES_STAMP
from paper_bitmart.matching.core.state import (
    CUSTOM_SHARE,
    LOG_ROWS,
    N_ACTIVE,
    N_GUESSES,
    N_PENDING,
    N_REPORTS,
    N_TAKEN,
    NO_KEY,
    key_of,
    with_aligned_records,
)
from paper_bitmart.matching.matcher import MAX_NS, WINDOW_TICKS, Matcher
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel

EVENTS_AT_ONCE = loop.SPARE_ROWS
_FAST_SOURCES = (Path(__file__), *sorted(Path(__file__).parent.glob("fast_*.py")))
_FAST_STAMP = hashlib.sha256(b"".join(path.read_bytes() for path in _FAST_SOURCES)).hexdigest()


def cached(function: Callable[..., Any]) -> Callable[..., Any]:
    """njit with a cache on disk that notices a change in this function's file, the fast_* files, the core."""
    settings: dict[str, Any] = {"cache": True, "_nrt": False, "no_cfunc_wrapper": True}
    dispatcher: Any = njit(**settings)(function)
    if dispatcher is not function:
        own = Path(function.__code__.co_filename).read_bytes()
        stamp = SOURCES_STAMP + _FAST_STAMP + hashlib.sha256(own).hexdigest()
        dispatcher._cache._cache_file._source_stamp = stamp
    return dispatcher


def lean(function: Callable[..., Any]) -> Callable[..., Any]:
    """njit for functions that allocate nothing: numba need not count references to the State's arrays.

    For calls from other compiled code only, since unpacking a desk from Python takes long to compile.
    """
    settings: dict[str, Any] = {"_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiled: Callable[..., Any] = njit(**settings)(function)
    return compiled


def lean_inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `lean`, and inlined by LLVM: a call would hand over the State by value, some two hundred words."""
    settings: dict[str, Any] = {"_nrt": False, "forceinline": True}
    compiled: Callable[..., Any] = njit(**settings)(function)
    return compiled


@lean_inlined
def events_with_room(st):  # type: ignore[no-untyped-def]
    """How many of the next events certainly find room in every array (see `loop.has_room`), at most 32.

    An event adds at most one far level, print and own level, a report and a used-up size for each own order,
    and one guess for each own level or as many as a watched level's log has rows.
    """
    active = max(st.scalars[N_ACTIVE], 1)
    count = min(
        st.far_keys.shape[1] - max(st.n_far[0], st.n_far[1]), st.pending.shape[0] - st.scalars[N_PENDING]
    )
    count = min(count, (st.reports.shape[0] - st.scalars[N_REPORTS] - 1) // active, EVENTS_AT_ONCE)
    own = st.n_own[0] + st.n_own[1]
    count = min(count, (st.guesses.shape[0] - st.scalars[N_GUESSES] - 1) // (own + LOG_ROWS + 1))
    if own > 0:
        count = min(count, min(st.own_levels.shape[0], st.own_keys.shape[1], st.touched.shape[0]) - own - 1)
        count = min(count, (st.taken.shape[0] - st.scalars[N_TAKEN] - 1) // active)
    return count


@cached
def apply_until_report(st, events, start, until_ns):  # type: ignore[no-untyped-def]
    """As `loop.apply_events`, and it also stops after the events of the first receive time with a report."""
    n, i = len(events), start
    while i < n:
        # Room is looked for once for many events: the question costs as much as applying one.
        count = min(n - i, events_with_room(st))
        if count <= 0:
            if not loop.has_room(st):
                return i
            count = 1
        for i in range(i, i + count):  # noqa: B020 (the last one is wanted below)
            event = events[i]
            if event["recv_ns"] > until_ns:
                return i
            loop.apply_event(st, event)
            if st.scalars[N_REPORTS] > 0 and event["recv_ns"] < until_ns:
                until_ns = event["recv_ns"]
        i += 1
    return n


@cached
def read_depth(st, side, prices, sizes):  # type: ignore[no-untyped-def]
    """Fill `prices` (ticks) and `sizes` (lots) with the best levels of a side; returns how many there are."""
    key, count = st.best[side], 0
    while key != NO_KEY and count < len(prices):
        price = abs(key)
        prices[count], sizes[count] = price, level_size(st, side, price)
        key = next_key(st, side, key)
        count += 1
    return count


@cached
def read_level(st, side, price):  # type: ignore[no-untyped-def]
    """Displayed lots of one price; 0 where there is no level, also beyond the best."""
    key = key_of(side, price)
    return 0 if key > st.best[side] else level_size(st, side, price)


class StepMatcher(Matcher):
    """A matcher that a backtest can look into.

    Attributes:
        stops_at_report: `process` returns after the market moment that brought the first report.
    """

    stops_at_report = False

    def process(self, events: np.ndarray, start: int = 0, until_ns: int = MAX_NS) -> int:
        """As `Matcher.process`; see `stops_at_report`."""
        if not self.stops_at_report or not self._state.scalars[N_ACTIVE]:
            return super().process(events, start, until_ns)
        n = len(events)
        while True:
            start = apply_until_report(self._state, events, start, until_ns)
            has_report = self._state.scalars[N_REPORTS] > 0
            if start >= n or has_report or events[start]["recv_ns"] > until_ns:
                if has_report and start < n and events[start]["recv_ns"] == events[start - 1]["recv_ns"]:
                    # An array was full amid this moment: finish it.
                    until_ns = int(events[start]["recv_ns"])
                    self._grow()
                    continue
                return start
            self._grow()

    def __setstate__(self, fields: dict[str, Any]) -> None:
        """A pickle loses the alignment of records, which compiled code is made for."""
        self.__dict__.update(fields)
        self._core = with_aligned_records(self._core)
        # The address of a queue model of one's own means nothing in another process.
        self._core.scalars[CUSTOM_SHARE] = self.queue_model.address

    @property
    def has_orders(self) -> bool:
        """Does any order rest here?"""
        return bool(self._state.scalars[N_ACTIVE])

    @property
    def best_bid_ticks(self) -> int:
        """0 when there is no bid."""
        key = int(self._state.best[0])
        return 0 if key == NO_KEY else key

    @property
    def best_ask_ticks(self) -> int:
        """0 when there is no ask."""
        key = int(self._state.best[1])
        return 0 if key == NO_KEY else -key

    def level_lots(self, side: int, price_ticks: int) -> int:
        """Displayed lots at a price."""
        return int(read_level(self._state, side, price_ticks))

    def depth(self, side: int, levels: int) -> list[tuple[int, int]]:
        """The best levels of a side as (ticks, lots), best first."""
        prices, sizes = np.empty(levels, np.int64), np.empty(levels, np.int64)
        count = read_depth(self._state, side, prices, sizes)
        return list(zip(prices[:count].tolist(), sizes[:count].tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class StepMatchers:
    """Makes `StepMatcher`s; arguments as `CoreMatchers`."""

    queue_model: QueueModel = DEFAULT_MODEL
    window_ticks: int = WINDOW_TICKS
    published_levels: int = 100

    def __call__(self) -> StepMatcher:
        return StepMatcher(
            queue_model=self.queue_model,
            window_ticks=self.window_ticks,
            published_levels=self.published_levels,
        )

    def load(self, blob: bytes) -> StepMatcher:
        loaded = StepMatcher.load(blob, queue_model=self.queue_model)
        assert isinstance(loaded, StepMatcher)
        return loaded
