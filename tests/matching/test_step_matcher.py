"""The matcher of backtests, which looks for room in its arrays once for many events."""

from by_hand import ASK, BID, BUY, LIMIT, array, book, event, ns
from state_checks import displayed_levels

from paper_bitmart.backtest.step_matcher import EVENTS_AT_ONCE, StepMatcher
from paper_bitmart.feed.events import Kind
from paper_bitmart.matching.core.state import grow_pool, grow_rows


def test_a_window_that_moves_leaves_room_for_what_was_counted_on_before():
    """All bids leave the window at once; the next events, whose room was counted before, add more outside."""
    matcher = StepMatcher(published_levels=0)
    bids = {100_000 - i: 1 + i for i in range(matcher._core.far_keys.shape[1] - 10)}
    matcher.process(book(0, bids, {100_002: 1}))
    matcher.stops_at_report = True
    matcher.place(1, 0, BUY, LIMIT, 7, 1, 0, 0, ns(1))
    matcher.drain()
    for pool in ("own_levels", "taken", "guesses"):
        matcher._core = grow_pool(matcher._core, pool, 4_096)
    matcher._core = grow_rows(matcher._core, 256, "own_keys", "own_slots")
    jump = [(BID, 999_990, 5), (ASK, 100_002, 0), (ASK, 1_000_000, 5)]
    beyond = [(BID, 50 + i, 1) for i in range(EVENTS_AT_ONCE - len(jump))]
    rows = [event(Kind.LEVEL, 2, *one, flags=0) for one in jump[:-1]] + [event(Kind.LEVEL, 2, *jump[-1])]
    rows += [event(Kind.LEVEL, 3, *one) for one in beyond]
    assert matcher.process(array(*rows)) == len(rows)
    assert displayed_levels(matcher, BID) == bids | {price: lots for _, price, lots in [jump[0], *beyond]}
    assert displayed_levels(matcher, ASK) == {1_000_000: 5}
