"""Clocks: where the venue's time comes from. All are int nanoseconds since 1970 and never float.

    RealClock                the machine's time, the only code in the core that reads it
    SimulatedClock           stands still until the caller moves it
    PlaybackClock            a recording's time: runs at a speed on top of another clock

A clock tells the time and how long to wait (`wait_ns`); it never sleeps itself. Whoever sleeps
subscribes with `on_change`, because a pause, a jump or a new speed changes how long the wait is.
"""

import time
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol


class ClockError(ValueError):
    """A clock was asked for something it cannot do; nothing changed."""


class ClockWentBack(ClockError):
    """A simulated clock was moved to an earlier time.

    Attributes:
        now_ns: the clock's time.
        asked_ns: the earlier time asked for.
    """

    def __init__(self, now_ns: int, asked_ns: int) -> None:
        super().__init__(f"clock is at {now_ns} ns and cannot go back to {asked_ns} ns")
        self.now_ns, self.asked_ns = now_ns, asked_ns


class Clock(Protocol):
    """What the session needs of a clock."""

    def now_ns(self) -> int:
        """The time, ns since 1970."""
        ...

    def wait_ns(self, until_ns: int) -> int | None:
        """Nanoseconds of real time until `until_ns`; 0 once it is past, None if only a change ends it."""
        ...

    def on_change(self, fn: Callable[[], None]) -> Callable[[], None]:
        """Call `fn` after the clock was moved, paused or re-timed; returns the function that ends that."""
        ...


class _Changes:
    """The listeners of one clock, called in the order in which they came."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, fn: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(fn)

        def stop() -> None:
            if fn in self._listeners:
                self._listeners.remove(fn)

        return stop

    def _changed(self) -> None:
        for listener in tuple(self._listeners):
            listener()


class RealClock(_Changes):
    """Wall time at the start plus elapsed monotonic time: right to begin with, and it never goes back.

    The price: when the machine's wall clock is corrected while we run, this clock does not follow.

    Args:
        wall_ns: reads ns since 1970, once.
        monotonic_ns: reads a clock that never goes back.
    """

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        super().__init__()
        self._monotonic_ns = monotonic_ns
        self._offset_ns = wall_ns() - monotonic_ns()

    @property
    def offset_ns(self) -> int:
        """What is added to the monotonic clock."""
        return self._offset_ns

    def now_ns(self) -> int:
        return self._offset_ns + self._monotonic_ns()

    def wait_ns(self, until_ns: int) -> int | None:
        return max(0, until_ns - self.now_ns())


class SimulatedClock(_Changes):
    """Stands still until its owner moves it forward: backtests and tests.

    Args:
        start_ns: ns since 1970, >= 0.
    """

    def __init__(self, start_ns: int = 0) -> None:
        super().__init__()
        if start_ns < 0:
            raise ClockError(f"start_ns must be >= 0, got {start_ns}")
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def wait_ns(self, until_ns: int) -> int | None:
        return 0 if until_ns <= self._now_ns else None

    def advance_to(self, at_ns: int) -> None:
        """Move to `at_ns`; the present time is allowed and changes nothing.

        Raises:
            ClockWentBack: `at_ns` is in the past.
        """
        if at_ns < self._now_ns:
            raise ClockWentBack(self._now_ns, at_ns)
        if at_ns > self._now_ns:
            self._now_ns = at_ns
            self._changed()

    def advance(self, by_ns: int) -> None:
        """Move forward by `by_ns`.

        Raises:
            ClockWentBack: `by_ns` is negative.
        """
        self.advance_to(self._now_ns + by_ns)


class PlaybackClock(_Changes):
    """The time inside a recording: `start_ns` plus `speed` times the time that `base` ran unpaused.

    The speed is kept as an exact fraction and time is cut to whole ns, so a change of
    speed loses less than 1 ns and time never goes back.

    Args:
        start_ns: the recording's time at which to begin, ns since 1970.
        speed: 1 is real time, 10 ten times as fast, 0.5 half; above 0 and at most SPEED_MAX.
        base: the clock that drives this one.
        paused: begin at rest.

    Raises:
        ClockError: a speed out of range or a negative time.
    """

    SPEED_MAX = 10**6

    def __init__(
        self, start_ns: int, speed: float | Fraction = 1, *, base: Clock | None = None, paused: bool = False
    ) -> None:
        super().__init__()
        self._base: Clock = RealClock() if base is None else base
        self._speed = self._checked_speed(speed)
        self._anchor_ns = self._checked_time(start_ns)
        self._base_anchor_ns = self._base.now_ns()
        self._paused = paused
        # A move of the base moves this clock, so those who wait on it must be told.
        self._base.on_change(self._changed)

    @property
    def speed(self) -> Fraction:
        """Recorded nanoseconds per nanosecond of the base clock (also while paused)."""
        return self._speed

    @property
    def paused(self) -> bool:
        return self._paused

    def now_ns(self) -> int:
        if self._paused:
            return self._anchor_ns
        elapsed_ns = self._base.now_ns() - self._base_anchor_ns
        return self._anchor_ns + elapsed_ns * self._speed.numerator // self._speed.denominator

    def wait_ns(self, until_ns: int) -> int | None:
        ahead_ns = until_ns - self.now_ns()
        if ahead_ns <= 0:
            return 0
        if self._paused:
            return None
        # Rounded up: waking early would find the time not yet come.
        base_ns = -(-ahead_ns * self._speed.denominator // self._speed.numerator)
        return self._base.wait_ns(self._base.now_ns() + base_ns)

    def pause(self) -> None:
        """Stop at the present time; a second pause changes nothing."""
        self._anchor(paused=True)

    def resume(self) -> None:
        """Go on from where it was paused; resuming a running clock changes nothing."""
        self._anchor(paused=False)

    def set_speed(self, speed: float | Fraction) -> None:
        """Go on from the present time at another speed; a paused clock stays paused.

        Raises:
            ClockError: speed not above 0 or over SPEED_MAX.
        """
        checked = self._checked_speed(speed)
        self._anchor(paused=self._paused)
        self._speed = checked
        self._changed()

    def seek(self, at_ns: int) -> None:
        """Jump to `at_ns` of the recording, also backwards; pause state and speed stay.

        A jump back is for a fresh venue only: a venue that has seen a later time refuses earlier commands.

        Raises:
            ClockError: `at_ns` is negative.
        """
        self._anchor_ns = self._checked_time(at_ns)
        self._base_anchor_ns = self._base.now_ns()
        self._changed()

    def _anchor(self, *, paused: bool) -> None:
        """Begin a new straight stretch of time at the present point."""
        self._anchor_ns, self._base_anchor_ns = self.now_ns(), self._base.now_ns()
        if paused != self._paused:
            self._paused = paused
            self._changed()

    @classmethod
    def _checked_speed(cls, speed: float | Fraction) -> Fraction:
        # `not (0 < x <= max)` also catches NaN, which compares false with everything.
        if not 0 < speed <= cls.SPEED_MAX:
            raise ClockError(f"speed must be above 0 and at most {cls.SPEED_MAX}, got {speed}")
        return Fraction(speed).limit_denominator(10**9)

    @staticmethod
    def _checked_time(at_ns: int) -> int:
        if at_ns < 0:
            raise ClockError(f"a time must be >= 0 ns, got {at_ns}")
        return at_ns
