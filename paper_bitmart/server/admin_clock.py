"""The clock of a replay from the operator's side: pause, resume, speed, jump forward."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from paper_bitmart.exchange.clock import PlaybackClock
from paper_bitmart.feed.playback import OutsideLap
from paper_bitmart.server.admin_guard import AdminError
from paper_bitmart.server.context import ServerContext

_NS_PER_MS = 1_000_000


@runtime_checkable
class Skippable(Protocol):
    """A source that can leave out what lies before a market time."""

    def skip_to(self, at_ns: int) -> None:
        """Raises ValueError when that is not ahead within the recording."""
        ...


class ClockAdmin:
    """Only a PlaybackClock can be steered; a live market's clock refuses with 409."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def show(self) -> Any:
        clock = self._context.session.clock
        now_ms = clock.now_ns() // _NS_PER_MS
        if not isinstance(clock, PlaybackClock):
            return {"now_ms": now_ms, "is_playback": False, "paused": False, "speed": 1.0}
        return {"now_ms": now_ms, "is_playback": True, "paused": clock.paused, "speed": float(clock.speed)}

    def pause(self) -> Any:
        self._playback().pause()
        return self.show()

    def resume(self) -> Any:
        self._playback().resume()
        return self.show()

    def set_speed(self, speed: float) -> Any:
        self._playback().set_speed(speed)
        return self.show()

    def seek(self, at_ns: int) -> Any:
        """Jump forward inside the recording; to orders it is a feed gap, announced as a resync."""
        clock, source = self._playback(), self._context.session.source
        if not isinstance(source, Skippable):
            raise AdminError(409, "this market cannot be skipped")
        if at_ns <= clock.now_ns():
            raise AdminError(
                409, f"to_ms: the clock is at {clock.now_ns() // _NS_PER_MS} and only goes forward"
            )
        try:
            source.skip_to(at_ns)
        except OutsideLap as error:
            start_ms, end_ms = error.start_ns // _NS_PER_MS, error.end_ns // _NS_PER_MS
            why = (
                f"to_ms: {at_ns // _NS_PER_MS} is outside the recording's present lap, {start_ms} .. {end_ms}"
            )
            raise AdminError(409, why) from error
        except ValueError as error:
            raise AdminError(409, f"to_ms: {error}") from error
        clock.seek(at_ns)
        return self.show()

    def _playback(self) -> PlaybackClock:
        clock = self._context.session.clock
        if not isinstance(clock, PlaybackClock):
            raise AdminError(409, "the market is live, its clock cannot be steered")
        return clock
