"""The schedule of pushes, on channels by themselves: what is late, what waits, what never comes too early."""

from itertools import pairwise

import pytest
from sortedcontainers import SortedDict

from paper_bitmart.feed.events import ASK
from paper_bitmart.server.ws_channels import MS_NS, IncrementChannel, StateChannel
from paper_bitmart.server.ws_depth import DepthStream
from paper_bitmart.server.ws_outbox import Frame, FrameKind

FULL_MS, INCREMENT_MS = 500, 100


class Ticks:
    """A state channel over a number that the market changes."""

    interval_ms = FULL_MS
    first = 0

    def __init__(self):
        self.value = 0
        self.channel = StateChannel(
            FULL_MS * MS_NS,
            lambda: [(self.value, lambda ms_t: Frame(FrameKind.TEXT, str(self.value).encode()))],
            lambda: 0,
        )
        self.channel.join(0)

    def change(self, value, at_ms):
        self.value = value
        self.channel.mark(int(at_ms * MS_NS))

    def pushes(self, at_ms):
        return len(self.channel.due(int(at_ms * MS_NS)))


class Depth:
    """An increase100 channel over a book of one level, whose size the market changes."""

    interval_ms = INCREMENT_MS
    first = 2

    def __init__(self):
        self.asks = SortedDict({100: 1})
        self.channel = IncrementChannel(
            DepthStream(lambda: (SortedDict(), self.asks)),
            lambda levels, snapshot: Frame(FrameKind.TEXT, b"x"),
        )
        self.channel.join(0)
        self.change(self.first, 0)
        assert self.pushes(0)

    def change(self, value, at_ms):
        self.asks[100] = value + 2
        self.channel.touch(ASK, 100)
        self.channel.mark(int(at_ms * MS_NS))

    def pushes(self, at_ms):
        return int(self.channel.due(int(at_ms * MS_NS)) is not None)


KINDS = pytest.mark.parametrize("make", [Ticks, Depth])


@KINDS
@pytest.mark.parametrize("jitter_ms", [-1, 0, 2])
def test_a_market_as_fast_as_the_interval_is_told_without_growing_delay(make, jitter_ms):
    """The timer that makes waiting pushes is always 3 ms late; no message ever waits for much longer."""
    topic = make()
    waits = []
    for step in range(1, 200):
        spoken_ms = topic.interval_ms * step + jitter_ms * (step % 2)
        topic.change(1000 + step, spoken_ms)
        pushed_ms = spoken_ms
        if not topic.pushes(spoken_ms):
            pushed_ms = topic.channel.next_ns / MS_NS + 3
            assert topic.pushes(pushed_ms)
        waits.append(pushed_ms - spoken_ms)
    assert max(waits) <= 3 + abs(jitter_ms) + 1


@KINDS
def test_a_standstill_of_the_server_does_not_put_its_pushes_out_of_the_markets_step(make):
    topic = make()
    interval = topic.interval_ms
    topic.change(7, interval)
    assert topic.pushes(1.6 * interval)
    topic.change(8, 2 * interval)
    assert topic.pushes(2 * interval)


@KINDS
def test_changes_within_an_interval_wait_for_its_end(make):
    topic = make()
    interval = topic.interval_ms
    topic.change(7, 1.7 * interval)
    assert topic.pushes(1.7 * interval)
    topic.change(8, 1.8 * interval)
    topic.change(9, 2.6 * interval)
    assert not topic.pushes(2.6 * interval)
    assert topic.channel.next_ns == 2.7 * interval * MS_NS
    assert topic.pushes(2.7 * interval)
    assert not topic.pushes(9 * interval)


@KINDS
def test_a_change_that_was_taken_back_is_no_push_and_does_not_hold_up_the_next(make):
    topic = make()
    interval = topic.interval_ms
    topic.change(7, 0.5 * interval)
    assert not topic.pushes(0.5 * interval)
    topic.change(topic.first, 0.6 * interval)
    assert not topic.pushes(interval)
    topic.change(8, 1.6 * interval)
    assert topic.pushes(1.6 * interval)
    topic.change(9, 1.7 * interval)
    assert not topic.pushes(2.5 * interval)
    assert topic.pushes(2.6 * interval)


@KINDS
def test_what_was_not_told_in_time_is_not_caught_up_by_a_burst(make):
    topic = make()
    interval = topic.interval_ms
    pushed = []
    for step in range(100):
        at_ms = (10 + step / 20) * interval
        topic.change(8 + step, at_ms)
        if topic.pushes(at_ms):
            pushed.append(at_ms)
    assert len(pushed) == 5
    assert all(later - earlier >= interval for earlier, later in pairwise(pushed))


@KINDS
def test_a_clock_that_was_set_back_does_not_stall_a_channel_nor_let_it_run_free(make):
    topic = make()
    interval = topic.interval_ms
    topic.change(7, 10 * interval)
    assert topic.pushes(10 * interval)
    topic.change(8, 5 * interval)
    assert topic.pushes(5 * interval)
    topic.change(9, 5.5 * interval)
    assert not topic.pushes(5.5 * interval)
    assert topic.pushes(6 * interval)


def test_a_snapshot_does_not_delay_the_first_update():
    topic = Depth()
    topic.channel.leave()
    topic.channel.join(1000 * MS_NS)
    topic.change(7, 1030)
    assert topic.pushes(1030)
    topic.change(8, 1129)
    assert not topic.pushes(1129)
    assert topic.pushes(1130)
