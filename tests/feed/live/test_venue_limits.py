"""Keeping to a venue's limits."""

import random

import pytest

from paper_bitmart.feed.live.backoff import Backoff, BackoffSettings
from paper_bitmart.feed.live.errors import TooManySymbols
from paper_bitmart.feed.live.venue_limits import BITMART_WS, RateWindow, message_chunks, spread

SECOND = 10**9


def test_a_window_never_has_more_than_its_count():
    window, rng, taken, now_ns = RateWindow(5, 100), random.Random(1), [], 0
    for _ in range(2_000):
        now_ns += rng.randrange(20)
        if window.take(now_ns):
            taken.append(now_ns)
    assert all(later - first >= 100 for first, later in zip(taken, taken[5:], strict=False))
    assert len(taken) > 1_000 * 5 / 100


def test_free_says_when_the_next_one_is_allowed():
    window = RateWindow(2, 10)
    assert [window.take(at_ns) for at_ns in (0, 1, 2)] == [True, True, False]
    assert window.free_ns(2) == 10
    assert not window.take(9)
    assert window.take(10)


def test_topics_are_cut_by_count_and_by_length():
    assert [len(chunk) for chunk in message_chunks(["t"] * 45, BITMART_WS)] == [20, 20, 5]
    chunks = list(message_chunks(["x" * 1_000] * 9, BITMART_WS))
    assert [len(chunk) for chunk in chunks] == [4, 4, 1]
    assert list(message_chunks([], BITMART_WS)) == []


@pytest.mark.parametrize(("count", "connections"), [(1, 1), (38, 1), (39, 2), (760, 20)])
def test_symbols_are_spread_over_as_few_connections_as_allowed(count, connections):
    symbols = [f"S{number}" for number in range(count)]
    parts = spread(symbols, 3, BITMART_WS, "BitMart")
    assert len(parts) == connections
    assert sorted(symbol for part in parts for symbol in part) == sorted(symbols)
    assert max(map(len, parts)) * 3 <= BITMART_WS.topics_per_connection


def test_more_symbols_than_the_venue_carries_are_refused():
    with pytest.raises(TooManySymbols, match="BitMart carries at most 760 symbols, not 761"):
        spread([f"S{number}" for number in range(761)], 3, BITMART_WS, "BitMart")


class TestBackoff:
    @pytest.fixture
    def backoff(self):
        return Backoff(RateWindow(30, 60 * SECOND), random.Random(1))

    def test_the_first_attempt_is_at_once(self, backoff):
        assert backoff.attempt(0)

    def test_waits_double_up_to_the_most_within_the_jitter(self, backoff):
        waits_s = []
        for failure in range(12):
            backoff.failed(0)
            waits_s.append(backoff.next_ns(0) / SECOND)
            mean_s = min(30, 0.5 * 2**failure)
            assert 0.5 * mean_s <= waits_s[-1] <= 1.5 * mean_s
        assert len(set(waits_s)) == 12

    def test_after_success_a_failure_is_a_first_one(self, backoff):
        for _ in range(8):
            backoff.failed(0)
        backoff.worked()
        backoff.failed(0)
        assert backoff.next_ns(0) <= 0.75 * SECOND

    def test_attempts_of_all_connections_share_the_venues_limit(self):
        attempts = RateWindow(3, 60 * SECOND)
        backoffs = [Backoff(attempts, random.Random(i), BackoffSettings(first_ns=0)) for i in range(4)]
        assert [backoff.attempt(0) for backoff in backoffs] == [True, True, True, False]
        assert backoffs[3].next_ns(0) == 60 * SECOND
