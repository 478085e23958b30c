"""Depth messages: prints they include, cancels and additions, used size, snapshots."""

import pytest
from by_hand import ASK, BID, BUY, IOC, SELL, Desk, array, book, event, level, trade
from hypothesis import given
from hypothesis import strategies as st
from state_checks import validate_state

from paper_bitmart.feed.events import Flag, Kind
from paper_bitmart.matching.models import MODELS


@pytest.mark.parametrize(
    ("used", "printed", "displayed", "left"),
    [
        (4, 0, 10, 6),
        (4, 0, 12, 8),
        (4, 0, 3, 0),
        (4, 4, 10, 10),
        (4, 3, 10, 9),
        (4, 6, 4, 4),
        (10, 6, 10, 6),
        (10, 0, 11, 1),
    ],
)
def test_the_refresh_rule(used, printed, displayed, left):
    """Of 10 lots an account used some; then some printed; depth shows so many; what may it take?"""
    desk = Desk({99: 1}, {100: 10})
    desk.place(1, BUY, 100, used, order_type=IOC)
    if printed:
        desk.send(trade(2, BUY, 100, printed))
    desk.send(level(3, ASK, 100, displayed))
    desk.reports()
    desk.place(2, BUY, 100, 99, order_type=IOC, at_ms=4)
    assert sum(lots for _, lots in desk.fills()) == left


@pytest.mark.parametrize(("print_first", "ahead"), [(True, 10.0), (False, 5.0)])
def test_of_a_print_and_a_message_with_one_time_stamp_the_first_to_come_counts(print_first, ahead):
    """Print first: the message includes it. Message first: 5 lots were cancelled, then 5 more traded."""
    desk = Desk({100: 15}, {102: 3})
    desk.place(1, BUY, 100, 1, at_ms=1)
    print_, message = trade(10, SELL, 100, 5), level(10, BID, 100, 10)
    desk.send(*((print_, message) if print_first else (message, print_)))
    assert desk.ahead(1) == ahead
    desk.send(level(20, BID, 100, 15))
    assert desk.ahead(1) == ahead


def test_a_message_of_many_levels_is_one_message():
    desk = Desk({100: 15, 99: 8}, {102: 3})
    desk.place(1, BUY, 100, 1)
    desk.place(2, BUY, 99, 1)
    desk.send(trade(5, SELL, 100, 4))
    desk.send(
        array(
            event(Kind.LEVEL, 10, BID, 99, 8, flags=0),
            event(Kind.LEVEL, 10, ASK, 102, 9, flags=0),
            event(Kind.LEVEL, 10, BID, 100, 11),
        )
    )
    validate_state(desk.matcher)
    report = desk.matcher.explain(1)
    assert (report.ahead, report.traded_ahead, report.cancelled_ahead) == (11.0, 4.0, 0.0)


@pytest.mark.parametrize("model", sorted(MODELS))
@given(
    behind=st.integers(0, 50),
    ahead=st.integers(0, 50),
    cancelled=st.integers(0, 100),
    cut=st.integers(0, 100),
)
def test_every_model_keeps_to_what_can_have_happened(model, ahead, behind, cancelled, cut):
    """0 <= cancelled ahead <= min(ahead, cancelled), and no more left from behind than stood there."""
    desk = Desk({100: ahead} if ahead else {99: 1}, {102: 3}, queue_model=MODELS[model])
    desk.place(1, BUY, 100, 1)
    desk.send(array(event(Kind.DEPTH_MARK, 2)), level(5, BID, 100, ahead + behind))
    first = min(cut, cancelled, ahead + behind)
    for at_ms, total in ((6, first), (7, min(cancelled, ahead + behind))):
        desk.send(level(at_ms, BID, 100, ahead + behind - total))
        report = desk.matcher.explain(1)
        assert report.ahead + report.cancelled_ahead == ahead
        assert max(0, total - behind) <= report.cancelled_ahead <= min(ahead, total)
        validate_state(desk.matcher)


@pytest.mark.parametrize(
    ("model", "cancelled_ahead"),
    [
        ("conservative", 0.0),
        ("proportional", 4.0),
        ("power", 12 * 1000 / 9000),
        ("log", 12 * 0.4405937),
    ],
)
def test_the_models_split_as_their_formulas_say(model, cancelled_ahead):
    """10 lots ahead, 20 behind, 12 cancelled; ln 11 / (ln 11 + ln 21) = 0.4405937."""
    desk = Desk({100: 10}, {102: 3}, queue_model=MODELS[model])
    desk.place(1, BUY, 100, 1)
    desk.send(array(event(Kind.DEPTH_MARK, 2)), level(5, BID, 100, 30), level(6, BID, 100, 18))
    assert desk.matcher.explain(1).cancelled_ahead == pytest.approx(cancelled_ahead, abs=1e-5)


@pytest.mark.parametrize(("at_ms", "share"), [(10, 0.0), (12.5, 0.25), (15, 0.5), (19, 0.9)])
def test_additions_of_the_interval_of_arrival_are_shared_by_time(at_ms, share):
    desk = Desk({100: 10}, {102: 3})
    desk.send(array(event(Kind.DEPTH_MARK, 10)))
    desk.place(1, BUY, 100, 1, at_ms=at_ms)
    desk.send(level(20, BID, 100, 30))
    assert desk.ahead(1) == pytest.approx(10 + 20 * share, abs=1e-5)


def test_a_small_book_is_whole_so_a_snapshot_without_our_price_empties_it():
    desk = Desk({100: 7, 95: 4}, {102: 3}, published_levels=100)
    desk.place(1, BUY, 95, 1)
    desk.send(book(2, {100: 7}, {102: 3}))
    assert desk.ahead(1) == 0.0


def test_a_full_window_without_our_price_says_nothing():
    desk = Desk({100: 7, 95: 4}, {102: 3}, published_levels=2)
    desk.place(1, BUY, 95, 1)
    desk.send(book(2, {100: 7, 99: 2}, {102: 3}))
    assert desk.ahead(1) == 4.0


def test_an_order_that_joins_a_level_out_of_the_window_does_not_make_it_published():
    desk = Desk({100: 7, 95: 4}, {102: 3}, published_levels=2)
    desk.place(1, BUY, 95, 1)
    desk.send(level(2, BID, 95, 0, flags=int(Flag.LEFT_WINDOW)))
    desk.place(2, BUY, 95, 1, at_ms=3)
    desk.send(level(4, BID, 95, 3, flags=int(Flag.ENTERED_WINDOW)))
    assert (desk.ahead(1), desk.ahead(2)) == (3.0, 0.0)
    validate_state(desk.matcher)
