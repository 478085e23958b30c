"""Prints: what they eat, whom they fill, and what they may not spend twice."""

import pytest
from by_hand import ASK, BUY, IOC, SELL, Desk, level, trade
from state_checks import validate_state

from paper_bitmart.matching.models import PROPORTIONAL
from paper_bitmart.matching.reports import Evidence


@pytest.mark.parametrize(
    ("ahead", "size", "printed", "filled", "ahead_after"),
    [
        (7, 5, 6, 0, 1),
        (7, 5, 7, 0, 0),
        (7, 5, 8, 1, 0),
        (7, 5, 12, 5, None),
        (7, 5, 99, 5, None),
        (0, 5, 1, 1, 0),
    ],
)
def test_a_print_at_our_price_eats_the_queue_then_us(ahead, size, printed, filled, ahead_after):
    desk = Desk({100: ahead} if ahead else {99: 1}, {102: 3})
    desk.place(1, BUY, 100, size)
    desk.reports()
    desk.send(trade(2, SELL, 100, printed))
    assert sum(lots for _, lots in desk.fills()) == filled
    assert desk.ahead(1) == (-1.0 if ahead_after is None else ahead_after)


@pytest.mark.parametrize(
    ("drop_to", "printed", "filled"),
    [(2, 1, 1), (2, 2, 2), (3, 1, 0), (3, 2, 1), (5, 1, 0), (5, 2, 1), (5, 3, 2)],
)
def test_what_a_print_leaves_us_is_rounded_to_whole_lots_half_up(drop_to, printed, filled):
    """Ahead is 10 of 40, cut evenly to 0.5 of 2, 0.75 of 3 or 1.25 of 5."""
    desk = Desk({100: 10}, {102: 3}, queue_model=PROPORTIONAL)
    desk.place(1, BUY, 100, 9, at_ms=1)
    desk.send(level(1, ASK, 103, 1), level(9, 0, 100, 40), level(10, 0, 100, drop_to))
    assert desk.ahead(1) == drop_to / 4
    desk.reports()
    desk.send(trade(11, SELL, 100, printed))
    assert sum(lots for _, lots in desk.fills()) == filled


def test_a_print_is_spent_once_over_the_prices_of_an_account():
    desk = Desk({98: 1}, {105: 3})
    desk.place(1, BUY, 100, 3)
    desk.place(2, BUY, 99, 3)
    desk.place(3, BUY, 99, 3, account=1)
    desk.reports()
    desk.send(trade(2, SELL, 99, 4))
    assert desk.fills() == [(1, 3), (2, 1), (3, 3)]


@pytest.mark.parametrize(("ago_ms", "filled"), [(0, 1), (0.9, 1), (1, 0), (30, 0)])
def test_a_print_of_an_earlier_millisecond_never_fills(ago_ms, filled):
    desk = Desk({99: 1}, {102: 3})
    desk.place(1, BUY, 100, 5, at_ms=40.95)
    desk.reports()
    desk.send(trade(40.95, SELL, 99, 1, ago_ms=ago_ms))
    assert len(desk.fills()) == filled


def test_a_late_opposite_print_does_not_fill_again_what_depth_has_shown():
    desk = Desk({99: 1}, {105: 3})
    desk.place(1, BUY, 100, 9)
    desk.send(level(10, ASK, 100, 5))
    assert desk.fills() == [(1, 5)]
    desk.send(level(20, ASK, 100, 0))
    desk.send(trade(21, BUY, 100, 4, ago_ms=0), trade(22, BUY, 100, 5, ago_ms=7))
    assert desk.fills() == [(1, 4)]


def test_an_opposite_print_fills_what_the_account_has_not_used():
    desk = Desk({99: 1}, {105: 3})
    desk.place(1, BUY, 100, 9)
    desk.send(level(10, ASK, 100, 2))
    desk.reports()
    desk.send(trade(11, BUY, 100, 5))
    (fill,) = desk.reports()
    assert (fill.size, fill.reason, fill.leaves) == (3, Evidence.OPPOSITE_PRINT, 4)


def test_prints_without_any_depth_message_are_all_remembered():
    desk = Desk({100: 10**6}, {102: 3})
    for i in range(1000):
        desk.send(trade(2, SELL, 100, 3))
        if i % 100 == 0:
            validate_state(desk.matcher)
    desk.place(1, BUY, 100, 1, at_ms=3)
    assert desk.ahead(1) == 10**6 - 3000


def test_an_unknown_queue_stays_unknown_when_a_print_touches_its_price():
    desk = Desk({100: 7, 99: 5}, {102: 3, 103: 1}, published_levels=2)
    desk.place(1, BUY, 95, 1)
    desk.send(trade(2, SELL, 95, 4))
    assert desk.ahead(1) == -1.0
    assert desk.matcher.explain(1).traded_ahead == 0.0


def test_used_lots_and_printed_lots_are_the_same_front_of_the_queue():
    desk = Desk({99: 1}, {100: 10})
    desk.place(1, BUY, 100, 4, order_type=IOC)
    desk.send(trade(2, BUY, 100, 6))
    desk.place(2, BUY, 100, 9, order_type=IOC, at_ms=3)
    assert desk.fills() == [(1, 4), (2, 4)]
