"""Outages: counted when they begin, measured when they end, told in a line."""

import pytest

from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live import outages
from paper_bitmart.feed.live.outages import OutageLog

LIVE, STALE, CLOSED, SYNCING = FeedState.LIVE, FeedState.STALE, FeedState.CLOSED, FeedState.SYNCING
SECOND = 10**9


@pytest.fixture
def log():
    log = OutageLog()
    for symbol in ("A_B", "C_D"):
        log.enter(symbol, SYNCING, 0, "a start")
        log.enter(symbol, LIVE, SECOND, "")
    return log


def test_the_time_before_the_first_live_is_no_outage(log):
    assert (log.count, str(log), log.live) == (0, "no outages", {"A_B", "C_D"})


def test_an_outage_lasts_from_the_first_state_that_is_not_live_to_the_next_live(log):
    log.enter("A_B", STALE, 2 * SECOND, "no content")
    assert str(log) == "1 outages, 1 of them not over"
    log.enter("A_B", CLOSED, 3 * SECOND, "cable cut")
    log.enter("A_B", LIVE, 7 * SECOND, "")
    log.enter("A_B", LIVE, 8 * SECOND, "")
    log.enter("C_D", CLOSED, 9 * SECOND, "cut again")
    [first] = log.finished
    assert (first.start_ns, first.end_ns) == (2 * SECOND, 7 * SECOND)
    assert (first.state, first.why) == (STALE, "no content")
    assert (log.of("A_B").count, log.of("A_B").longest_ns, log.of("A_B").last) == (1, 5 * SECOND, first)
    assert log.of("C_D").last is log.open["C_D"]
    assert str(log) == "2 outages, 5.0 s in all, the longest 5.0 s, 1 of them not over"


def test_the_end_of_the_source_is_no_outage_and_ends_none(log):
    log.enter("A_B", STALE, 2 * SECOND, "no content")
    log.end()
    for symbol in ("A_B", "C_D"):
        log.enter(symbol, CLOSED, 3 * SECOND, "the source was stopped")
    assert (log.count, list(log.open), log.live) == (1, ["A_B"], set())


def test_the_oldest_are_forgotten_and_their_number_is_kept(monkeypatch):
    monkeypatch.setattr(outages, "FINISHED_MAX", 20)
    log = OutageLog()
    log.enter("A_B", LIVE, 0, "")
    for number in range(1, 101):
        log.enter("A_B", SYNCING, number * SECOND, str(number))
        log.enter("A_B", LIVE, number * SECOND + number, "")
    assert (log.count, log.of("A_B").count, log.longest_ns) == (100, 100, 100)
    assert log.forgotten + len(log.finished) == 100
    assert [outage.why for outage in log.finished] == [str(n) for n in range(log.forgotten + 1, 101)]
    assert len(log.finished) <= 20
