"""A steady clock for sources that are given none: market time at a speed, with pause."""

import time
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol


class MarketClock(Protocol):
    """What a source needs of a clock; the clocks of `exchange/clock.py` are such."""

    def now_ns(self) -> int:
        """Market time, ns since 1970, never falling."""
        ...

    def wait_ns(self, until_ns: int) -> int | None:
        """Real ns until market time `until_ns`; None: not before the clock changes."""
        ...

    def on_change(self, fn: Callable[[], None]) -> Callable[[], None]:
        """Call `fn` when the clock was paused, moved or re-timed; returns the function that ends that."""
        ...


class Pace:
    """Market time = `start_ns` + `speed` * real time not paused.

    Raises:
        ValueError: `speed` is not above 0.
    """

    def __init__(
        self, start_ns: int, speed: float = 1.0, *, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._anchor_ns = start_ns
        self._real_anchor_ns = monotonic_ns()
        self._speed = _checked(speed)
        self._paused = False
        self._listeners: list[Callable[[], None]] = []

    def now_ns(self) -> int:
        if self._paused:
            return self._anchor_ns
        return self._anchor_ns + int((self._monotonic_ns() - self._real_anchor_ns) * self._speed)

    def wait_ns(self, until_ns: int) -> int | None:
        if self._paused:
            return None
        return max(0, -int(-(until_ns - self.now_ns()) / self._speed // 1))

    def on_change(self, fn: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(fn)
        return lambda: self._listeners.remove(fn) if fn in self._listeners else None

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """Stop market time; a second pause changes nothing."""
        self._change(paused=True)

    def resume(self) -> None:
        """Go on from where it was paused."""
        self._change(paused=False)

    def set_speed(self, speed: float) -> None:
        """Go on at another speed. Raises ValueError unless above 0."""
        checked = _checked(speed)
        self._change(paused=self._paused)
        self._speed = checked

    def skip_to(self, at_ns: int) -> None:
        """Jump forward to market time `at_ns`. Raises ValueError if that is in the past."""
        now_ns = self.now_ns()
        if at_ns < now_ns:
            raise ValueError(f"market time is {now_ns} and cannot go back to {at_ns}")
        self._anchor_ns, self._real_anchor_ns = at_ns, self._monotonic_ns()
        self._tell()

    def _change(self, *, paused: bool) -> None:
        self._anchor_ns, self._real_anchor_ns = self.now_ns(), self._monotonic_ns()
        self._paused = paused
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def _checked(speed: float) -> Fraction:
    if not 0 < speed < float("inf"):
        raise ValueError(f"speed must be above 0, got {speed}")
    # A fraction keeps int arithmetic exact however long the playback runs.
    return Fraction(speed).limit_denominator(10**6)
