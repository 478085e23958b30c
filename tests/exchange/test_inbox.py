"""The inbox: order by time over symbols, bounded slices, nothing lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.exchange.inbox import InboxFull, MarketInbox
from paper_bitmart.feed.events import EVENT_DTYPE


def events(*times_ns):
    array = np.zeros(len(times_ns), EVENT_DTYPE)
    array["recv_ns"] = times_ns
    return array


def times(batches):
    return {symbol: batch.events["recv_ns"].tolist() for symbol, batch in batches.items()}


def test_an_empty_inbox_hands_out_nothing_and_all_of_it():
    inbox = MarketInbox()
    assert (len(inbox), inbox.next_ns, inbox.take(10, 5)) == (0, None, ({}, True))


def test_an_empty_batch_is_no_batch():
    inbox = MarketInbox()
    inbox.put("A", events())
    assert inbox.next_ns is None


def test_what_is_later_than_asked_stays():
    inbox = MarketInbox()
    inbox.put("A", events(1, 2, 3))
    inbox.put("A", events(4, 5))
    inbox.put("B", events(9))
    batches, everything = inbox.take(4, 100)
    assert (times(batches), everything, len(inbox), inbox.next_ns) == ({"A": [1, 2, 3, 4]}, True, 2, 5)
    assert times(inbox.take(9, 100)[0]) == {"A": [5], "B": [9]}
    assert len(inbox) == 0


def test_more_than_the_budget_comes_in_slices_of_time_over_all_symbols():
    inbox = MarketInbox()
    inbox.put("A", events(1, 3, 5, 7))
    inbox.put("B", events(2, 4, 6, 8))
    slices = []
    everything = False
    while not everything:
        batches, everything = inbox.take(100, 3)
        slices.append(times(batches))
    assert slices == [{"A": [1, 3], "B": [2]}, {"A": [5], "B": [4, 6]}, {"A": [7], "B": [8]}]


def test_events_of_one_instant_are_never_cut_apart():
    inbox = MarketInbox()
    inbox.put("A", events(1, 1, 1, 2))
    assert times(inbox.take(5, 2)[0]) == {"A": [1, 1, 1]}


def test_a_full_inbox_names_the_symbol_and_takes_nothing():
    inbox = MarketInbox(limit=3)
    inbox.put("A", events(1, 2))
    with pytest.raises(InboxFull) as caught:
        inbox.put("B", events(3, 4))
    assert (caught.value.symbol, caught.value.limit, len(inbox)) == ("B", 3, 2)


def test_clear_forgets_everything():
    inbox = MarketInbox()
    inbox.put("A", events(1, 2))
    inbox.clear()
    assert (len(inbox), inbox.next_ns) == (0, None)


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.lists(st.integers(0, 9), max_size=5)), max_size=12),
    st.integers(1, 7),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_slices_together_are_what_was_put_in_and_never_go_back(puts, budget, untils):
    inbox, said, heard, now_ns = MarketInbox(), {"A": [], "B": []}, {"A": [], "B": []}, dict.fromkeys("AB", 0)
    for symbol, gaps in puts:
        batch = (now_ns[symbol] + np.cumsum(gaps)).astype(int).tolist()
        inbox.put(symbol, events(*batch))
        said[symbol] += batch
        now_ns[symbol] = batch[-1] if batch else now_ns[symbol]
    latest = 0
    for until_ns in [*sorted(untils), 10**9]:
        everything = False
        while not everything:
            batches, everything = inbox.take(until_ns, budget)
            new = [t for own in times(batches).values() for t in own]
            assert all(latest <= t <= until_ns for t in new)
            latest = max(new, default=latest)
            for symbol, own in times(batches).items():
                heard[symbol] += own
    assert heard == said
    assert len(inbox) == 0
