"""The matcher's face: time limits, commands on orders that are gone, checkpoints, integers of any size."""

import zlib

import numpy as np
import pytest
from by_hand import ASK, BID, BUY, IOC, SELL, Desk, array, book, event, level, ns, trade
from state_checks import displayed_levels, validate_state

from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Kind
from paper_bitmart.matching import matcher as matcher_module
from paper_bitmart.matching.core.state import UNKNOWN_AHEAD
from paper_bitmart.matching.matcher import Matcher
from paper_bitmart.matching.models import CONSERVATIVE, LOG, MODELS, ORDER_LIST, PLACES, POWER, QueueModel


def test_process_stops_before_the_first_later_event():
    events = array(*(event(Kind.LEVEL, at_ms, BID, 100 + at_ms, 1) for at_ms in (1, 2, 2, 5)))
    matcher = Matcher()
    assert matcher.process(events, 0, ns(2)) == 3
    assert matcher.process(events, 3, ns(4)) == 3
    assert matcher.process(events, 3, ns(5)) == 4
    assert displayed_levels(matcher, BID) == {101: 1, 102: 1, 105: 1}


def test_no_events_change_nothing():
    matcher = Matcher()
    before = matcher.dump()
    assert matcher.process(np.zeros(0, EVENT_DTYPE)) == 0
    assert matcher.dump() == before


def test_what_is_put_off_while_nothing_rests_is_done_before_anything_is_asked(monkeypatch):
    """Message by message, with and without putting off, in one array: one state, the same reports."""
    rng = np.random.Generator(np.random.PCG64(7))
    messages = [book(0, {100: 7, 99: 5}, {102: 3, 103: 9})]
    for at_ms in range(1, 60):
        side, away, size = rng.integers(0, 2), rng.integers(0, 4), int(rng.integers(0, 9))
        price = int(100 - away if side == BID else 102 + away)
        messages.append(
            trade(at_ms, SELL, price, size + 1) if at_ms % 7 == 0 else level(at_ms, side, price, size)
        )

    def run(waiting_max):
        monkeypatch.setattr(matcher_module, "WAITING_MAX", waiting_max)
        matcher, told = Matcher(), []
        for at_ms, message in enumerate(messages):
            matcher.process(message)
            told += matcher.drain().tolist()
            if at_ms in (20, 21, 40):
                matcher.place(at_ms, 0, BUY, 0, 99, 4, 0, 0, ns(at_ms))
                told += matcher.drain().tolist()
            if at_ms == 30:
                told += [matcher.cancel(20, ns(at_ms)), matcher.cancel(21, ns(at_ms))]
        return told, matcher.dump()

    told, state = run(0)
    assert told
    assert run(5) == run(10**6) == (told, state)


def test_events_are_not_put_off_without_end():
    matcher = Matcher()
    for at_ms in range(3 * matcher_module.WAITING_MAX):
        matcher.process(level(at_ms, BID, 100 + at_ms % 5, 1))
        assert matcher._waiting_events <= matcher_module.WAITING_MAX


def test_drain_empties_the_buffer():
    desk = Desk({100: 7}, {102: 3})
    desk.place(1, BUY, 100, 5)
    assert len(desk.matcher.drain()) == 1
    assert len(desk.matcher.drain()) == 0


@pytest.mark.parametrize("drained", [True, False])
def test_an_order_that_is_gone_is_not_found(drained):
    desk = Desk({100: 7}, {102: 3})
    desk.place(1, BUY, 100, 5)
    desk.send(trade(2, SELL, 99, 50))
    if drained:
        desk.reports()
    assert desk.matcher.cancel(1, ns(3)) == -1
    assert desk.matcher.queue_ahead(1) == -1.0
    assert desk.matcher.explain(1) is None
    desk.place(2, BUY, 100, 5, at_ms=3)
    assert desk.matcher.cancel(1, ns(3)) == -1
    assert desk.matcher.cancel(2, ns(3)) == 5
    assert desk.matcher.cancel(2, ns(3)) == -1


@pytest.mark.parametrize("order_id", [0, 1, 2**31, 2**32, 2**53 + 1, 10**18, 2**63 - 1])
def test_order_ids_of_any_size(order_id):
    desk = Desk({100: 7}, {102: 3})
    desk.place(order_id, BUY, 100, 5)
    assert desk.matcher.explain(order_id).leaves_lots == 5
    assert [r.order_id for r in desk.reports()] == [order_id]
    assert desk.matcher.cancel(order_id, ns(2)) == 5


def test_numpy_integers_are_as_good_as_python_ones():
    desk = Desk({100: 7}, {102: 3})
    desk.matcher.place(*np.array([5, 0, 0, 0, 102, 4, 0, 0, ns(1)], np.int64))
    assert desk.fills() == [(5, 3)]
    assert desk.matcher.cancel(np.int64(5), ns(2)) == 1


@pytest.mark.parametrize("field", ["order_id", "price", "size", "budget"])
@pytest.mark.parametrize("value", [2**63, 2**64, -(2**63) - 1])
def test_what_does_not_fit_int64_is_refused_and_changes_nothing(field, value):
    desk = Desk({100: 7}, {102: 3})
    before = [displayed_levels(desk.matcher, side) for side in (BID, ASK)]
    order = {"order_id": 1, "side": BUY, "price": 102, "size": 5, "budget": 0} | {field: value}
    with pytest.raises(OverflowError):
        desk.place(**order)
    assert desk.reports() == []
    assert [displayed_levels(desk.matcher, side) for side in (BID, ASK)] == before
    validate_state(desk.matcher)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_copy_of_a_dump_equals_it(model):
    desk = Desk({100: 7}, {102: 3}, queue_model=MODELS[model])
    desk.place(1, BUY, 100, 5)
    desk.place(2, BUY, 102, 1, order_type=IOC)
    desk.send(trade(2, SELL, 100, 2), level(3, BID, 100, 9))
    copy = Matcher.load(desk.matcher.dump(), queue_model=MODELS[model])
    assert copy.explain(1) == desk.matcher.explain(1)
    assert copy.drain().tobytes() == desk.matcher.drain().tobytes()
    assert copy.dump() == desk.matcher.dump()


def test_a_dump_of_another_version_is_refused():
    """One array fewer, as before decision 51."""
    whole = zlib.decompress(Desk({100: 7}, {102: 3}).matcher.dump())
    last = whole.rindex(b"\x93NUMPY")
    with pytest.raises(ValueError, match="another version of this program"):
        Matcher.load(zlib.compress(whole[:last]), queue_model=CONSERVATIVE)


@pytest.mark.parametrize(
    "other", [POWER, QueueModel("log", LOG.number, (1.0, 0.0))], ids=["model", "parameters"]
)
def test_a_dump_of_another_queue_model_is_refused(other):
    blob = Matcher(queue_model=LOG).dump()
    with pytest.raises(ValueError, match="another queue model"):
        Matcher.load(blob, queue_model=other)


def test_a_restored_order_stands_where_it_stood():
    desk = Desk({100: 7}, {102: 3})
    desk.matcher.restore_order(1, 0, BID, 100, 5, 3.5, ns(1))
    validate_state(desk.matcher)
    assert desk.reports() == []
    assert desk.ahead(1) == 3.5
    desk.send(trade(2, SELL, 100, 5))
    assert desk.fills() == [(1, 2)]


def test_an_order_restored_without_a_known_queue_takes_the_first_whole_book():
    desk = Desk()
    desk.matcher.restore_order(1, 3, BID, 100, 5, UNKNOWN_AHEAD, ns(1))
    assert desk.ahead(1) == -1.0
    desk.send(book(2, {100: 7}, {102: 3}))
    report = desk.matcher.explain(1)
    assert (report.ahead, report.ahead_at_entry, report.cancelled_ahead) == (7.0, 7.0, 0.0)


def test_an_order_restored_without_a_known_queue_takes_the_next_depth_message():
    desk = Desk({100: 9}, {102: 3})
    desk.matcher.restore_order(1, 3, BID, 100, 5, UNKNOWN_AHEAD, ns(1))
    desk.send(level(2, BID, 100, 7))
    report = desk.matcher.explain(1)
    assert (report.ahead, report.ahead_at_entry, report.cancelled_ahead) == (7.0, 7.0, 0.0)


def test_the_lots_that_must_print_before_a_fill_are_the_median_of_the_places_not_their_mean():
    """10 were ahead; of them or of 10 younger ones behind, 10 left; the younger are far likelier."""
    desk = Desk({100: 10}, {102: 3}, queue_model=PLACES)
    desk.place(1, BUY, 100, 5)
    desk.send(level(1, BID, 100, 10), level(200, BID, 100, 20), level(250, BID, 100, 10))
    report = desk.matcher.explain(1)
    assert (report.fills_after_lots, report.ahead < 9.9) == (10.0, True)
    desk.send(trade(260, SELL, 100, 4))
    assert desk.matcher.explain(1).fills_after_lots == 6.0
    desk.send(trade(261, SELL, 100, 6))
    assert (desk.matcher.explain(1).fills_after_lots, desk.fills()) == (0.0, [])
    desk.send(trade(262, SELL, 100, 1))
    assert desk.fills() == [(1, 1)]


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"places"}))
def test_without_places_the_queue_ahead_must_print_before_a_fill(name):
    desk = Desk({100: 10}, {102: 3}, queue_model=MODELS[name])
    desk.place(1, BUY, 100, 5)
    desk.send(level(200, BID, 100, 20), level(250, BID, 100, 13))
    report = desk.matcher.explain(1)
    assert report.fills_after_lots == report.ahead > 0


def test_nobody_knows_how_much_must_print_where_the_queue_is_unknown():
    desk = Desk(queue_model=PLACES)
    desk.matcher.restore_order(1, 3, BID, 100, 5, UNKNOWN_AHEAD, ns(1))
    report = desk.matcher.explain(1)
    assert (report.ahead, report.fills_after_lots) == (-1.0, -1.0)


def test_an_order_before_any_market_waits_for_it():
    desk = Desk()
    desk.place(1, BUY, 100, 5)
    desk.place(2, SELL, 100, 5, account=1)
    validate_state(desk.matcher)
    desk.send(level(2, BID, 100, 7))
    assert desk.ahead(1) == 0.0


def test_a_feed_that_is_not_live_fills_nothing():
    desk = Desk({100: 7}, {102: 3})
    desk.place(1, BUY, 100, 5)
    desk.reports()
    for state in (FeedState.SYNCING, FeedState.STALE, FeedState.CLOSED):
        desk.send(array(event(Kind.FEED_STATE, 2, size=int(state))))
        desk.send(trade(3, SELL, 90, 50), array(event(Kind.BBO, 3, ASK, 95, 50)))
        assert desk.reports() == []
    desk.send(array(event(Kind.FEED_STATE, 4, size=int(FeedState.LIVE))), trade(5, SELL, 99, 50))
    assert desk.fills() == [(1, 5)]


def test_the_default_model_keeps_its_guesses_in_step_with_the_book():
    desk = Desk({100: 7}, {102: 3}, queue_model=ORDER_LIST)
    desk.place(1, BUY, 100, 5)
    for at_ms, size in enumerate((9, 14, 11, 2, 0, 40, 41), 2):
        desk.send(trade(at_ms - 0.5, SELL, 101, 1), level(at_ms, BID, 100, size))
        validate_state(desk.matcher)
        assert 0 <= desk.ahead(1) <= size
