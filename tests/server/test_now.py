"""Which timestamps count as now while the market's clock and the wall's differ."""

import pytest

from paper_bitmart.server.now import Now
from paper_bitmart.server.settings import ClockMode

S_MS = 1_000
WALL_MS = 1_763_800_000_000
HOUR_MS = 3_600 * S_MS


def now(ahead_ms, mode):
    return Now(WALL_MS * 10**6, (WALL_MS + ahead_ms) * 10**6, mode)


@pytest.mark.parametrize("mode", ClockMode)
@pytest.mark.parametrize("ahead_ms", [0, HOUR_MS, -HOUR_MS])
def test_both_clocks_are_now_with_the_same_tolerance(mode, ahead_ms):
    for clock_ms in (WALL_MS, WALL_MS + ahead_ms):
        assert now(ahead_ms, mode).is_recent(clock_ms, past_ms=0, future_ms=0)
    first_ms, last_ms = sorted((WALL_MS, WALL_MS + ahead_ms))
    for timestamp_ms, is_recent in (
        (first_ms - 5_000, True),
        (first_ms - 5_001, False),
        (last_ms + 999, True),
        (last_ms + 1_000, False),
    ):
        assert now(ahead_ms, mode).is_recent(timestamp_ms, past_ms=5_000, future_ms=999) is is_recent


@pytest.mark.parametrize(("mode", "is_recent"), [(ClockMode.WALL, True), (ClockMode.RECORDED, False)])
def test_an_offset_taken_a_while_ago_stays_right_only_while_the_market_began_at_the_walls_time(
    mode, is_recent
):
    """At ten times the speed a client that synchronised a minute ago is a minute past the market of then."""
    asked_ms, elapsed_ms = 600 * S_MS, 60 * S_MS
    signed_ms = WALL_MS - elapsed_ms + asked_ms + elapsed_ms
    ahead_ms = asked_ms + 9 * elapsed_ms
    assert now(ahead_ms, mode).is_recent(signed_ms, past_ms=5_000, future_ms=999) is is_recent
