"""One moment by both clocks of a server: the wall's, and the market's, which a replay may hurry or stop."""

from typing import NamedTuple

from paper_bitmart.server.settings import ClockMode

_NS_PER_MS = 1_000_000


class Now(NamedTuple):
    """What counts as "now" when a client's timestamp is judged (protocol reference 2.3).

    Attributes:
        wall_ns: the wall clock, by which keys expire; ns since 1970.
        market_ns: the exchange's clock, which every outgoing time is on.
        mode: whether the market's times began at the wall's time.
    """

    wall_ns: int
    market_ns: int
    mode: ClockMode = ClockMode.WALL

    def is_recent(self, timestamp_ms: int, *, past_ms: int, future_ms: int) -> bool:
        """Whether a timestamp is at most `past_ms` before now and `future_ms` after it, both included.

        A client signs by its own clock, or by that plus an offset to `/system/time` that it took a while ago.
        At another speed than 1 the latter lies between wall and market time, so all between them is right as
        well. Recorded times have no such tie to the wall: there one of the two clocks has to fit.
        """
        wall_ms, market_ms = self.wall_ns // _NS_PER_MS, self.market_ns // _NS_PER_MS
        if self.mode is ClockMode.WALL:
            first_ms, last_ms = (wall_ms, market_ms) if wall_ms < market_ms else (market_ms, wall_ms)
            return first_ms - past_ms <= timestamp_ms <= last_ms + future_ms
        return any(
            clock_ms - past_ms <= timestamp_ms <= clock_ms + future_ms for clock_ms in (wall_ms, market_ms)
        )
