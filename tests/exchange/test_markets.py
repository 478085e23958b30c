import numpy as np
from venue_bench import START_NS, print_at, rows, rules_of, whole_book

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.exchange.markets import CoreMatchers, Market, Occurrence
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind
from paper_bitmart.matching.models import CONSERVATIVE

EVER = 2**63 - 1


def market():
    return Market(rules_of(), 0, CoreMatchers()())


def state_event(at_ns, state):
    return (at_ns, Kind.FEED_STATE, 0, 0, state, Flag.LAST)


def test_a_market_starts_out_of_sync_and_without_a_price():
    one = market()
    assert (one.feed_state, one.last_price_ticks) == (FeedState.SYNCING, 0)
    assert one.advance(np.zeros(0, EVENT_DTYPE), 0, EVER) == (0, [])


def test_only_changes_of_the_feed_are_told():
    one = market()
    one.advance(whole_book(START_NS), 0, EVER)
    wanted = [FeedState.LIVE, FeedState.STALE, FeedState.STALE, FeedState.SYNCING]
    events = rows(*(state_event(START_NS + place, state) for place, state in enumerate(wanted)))
    end, found = one.advance(events, 0, EVER)
    assert end == 4
    assert [(one.at_ns - START_NS, one.what) for one in found] == [
        (1, FeedState.STALE),
        (3, FeedState.SYNCING),
    ]


def test_the_last_price_is_of_the_latest_print_applied():
    one = market()
    one.advance(whole_book(START_NS), 0, EVER)
    prints = np.concatenate([print_at(START_NS + n, Side.BUY, 10001 + n, 1) for n in range(3)])
    one.advance(prints, 0, START_NS + 1)
    assert (one.last_price_ticks, one.last_recv_ns) == (10002, START_NS + 1)


def test_occurrences_rank_by_time_then_message_then_symbol():
    ranked = [
        Occurrence(1, 9, 1, 1, "B", FeedState.LIVE),
        Occurrence(2, 0, 1, 0, "B", FeedState.LIVE),
        Occurrence(2, 1, 0, 0, "A", FeedState.LIVE),
        Occurrence(2, 1, 1, 0, "B", FeedState.LIVE),
        Occurrence(2, 1, 1, 1, "B", FeedState.LIVE),
    ]
    assert sorted((ranked[place] for place in (3, 4, 0, 2, 1)), key=Occurrence.rank) == ranked


def test_matchers_can_have_another_queue_model():
    matchers = CoreMatchers(queue_model=CONSERVATIVE, window_ticks=1024)
    copy = matchers.load(matchers().dump())
    assert copy.queue_model is CONSERVATIVE
