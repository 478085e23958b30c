"""The displayed book: window, far levels, best prices, moving the window."""

import pytest
from by_hand import ASK, BID, Desk, array, book, event, level
from hypothesis import given
from hypothesis import strategies as st
from sortedcontainers import SortedDict
from state_checks import best_price, displayed_levels, validate_state

from paper_bitmart.feed.events import Flag, Kind
from paper_bitmart.matching.matcher import Matcher

# Near and far from each other, first price, and prices of very small ticks.
PRICES = st.sampled_from([1, 2, 63, 64, 65, 1000, 1001, 1002, 1063, 1064, 5000, 10**9, 10**14 - 1, 10**14])
CHANGES = st.lists(st.tuples(st.integers(0, 1), PRICES, st.integers(0, 3)), max_size=80)


@pytest.mark.parametrize("width", [64, 192, 8192])
@given(changes=CHANGES)
def test_any_changes_give_the_book_of_a_sorted_dict(width, changes):
    desk = Desk(window_ticks=width)
    truth = (SortedDict(), SortedDict())
    for at_ms, (side, price, size) in enumerate(changes):
        desk.send(level(at_ms, side, price, size))
        truth[side].pop(price, None)
        if size:
            truth[side][price] = size
        validate_state(desk.matcher)
        for s, book_side in enumerate(truth):
            assert displayed_levels(desk.matcher, s) == dict(book_side)
            best = None if not book_side else book_side.keys()[-1 if s == BID else 0]
            assert best_price(desk.matcher, s) == best


def test_a_new_matcher_shows_nothing():
    matcher = Matcher()
    validate_state(matcher)
    assert [best_price(matcher, side) for side in (BID, ASK)] == [None, None]


def test_a_snapshot_replaces_the_book():
    desk = Desk({100: 7, 10: 1}, {102: 3, 10**12: 1}, window_ticks=64)
    desk.send(book(1, {90: 2}, {91: 5}))
    assert displayed_levels(desk.matcher, BID) == {90: 2}
    assert displayed_levels(desk.matcher, ASK) == {91: 5}


def test_the_window_follows_the_market_and_loses_nothing():
    bids = {10_000 - i: 1 + i for i in range(200)}
    asks = {10_001 + i: 1 + i for i in range(200)}
    desk = Desk(bids, asks, window_ticks=64)
    desk.place(1, BID, 9_990, 4)
    for step in range(1, 30):
        price = 10_000 + 7 * step
        rows = [event(Kind.LEVEL, step, ASK, p, 0, flags=0) for p in [p for p in asks if p <= price]]
        for p in [p for p in asks if p <= price]:
            del asks[p]
        bids[price] = step
        desk.send(array(*rows, event(Kind.LEVEL, step, BID, price, step)))
        validate_state(desk.matcher)
        assert displayed_levels(desk.matcher, BID) == bids
        assert displayed_levels(desk.matcher, ASK) == asks
    assert desk.ahead(1) == 11.0


def test_a_book_wider_than_every_array_grows_them():
    bids = {10**7 - 1000 * i: 1 for i in range(1, 3000)}
    asks = {10**7 + 1000 * i: 1 for i in range(1, 3000)}
    desk = Desk(bids, asks, window_ticks=64)
    validate_state(desk.matcher)
    assert displayed_levels(desk.matcher, BID) == bids
    assert displayed_levels(desk.matcher, ASK) == asks


def test_levels_that_left_the_window_are_off_the_book():
    desk = Desk({100: 7, 99: 5}, {102: 3})
    desk.send(level(1, BID, 99, 0, flags=int(Flag.LEFT_WINDOW)))
    assert displayed_levels(desk.matcher, BID) == {100: 7}


@pytest.mark.parametrize("width", [0, -64, 63, 100])
def test_a_window_is_a_positive_multiple_of_64(width):
    with pytest.raises(ValueError, match="window_ticks must be a positive multiple of 64"):
        Matcher(window_ticks=width)
