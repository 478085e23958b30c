import asyncio

import numpy as np
import pytest
from feed_messages import FIXTURES, kinds

from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.feed.playback import Playback
from paper_bitmart.feed.sources import CaptureSource, demo_folder, demo_source

GOLDEN = FIXTURES / "golden"
SHARE = (GOLDEN / "aapl_20s.jsonl.gz", GOLDEN / "aapl_symbols.json")
SYMBOL = "AAPL_USDT"


class HandClock:
    """Market time that the test moves by hand."""

    def __init__(self, now_ns):
        self.time_ns = now_ns
        self.listeners = []

    def now_ns(self):
        return self.time_ns

    def wait_ns(self, until_ns):
        return None

    def on_change(self, fn):
        self.listeners.append(fn)
        return lambda: self.listeners.remove(fn)

    def move_to(self, at_ns):
        self.time_ns = at_ns
        for listener in self.listeners:
            listener()


class Recorder:
    def __init__(self):
        self.batches = []

    def __call__(self, symbol, events):
        self.batches.append((symbol, events))

    def all(self):
        return np.concatenate([events for _, events in self.batches])


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_at_full_speed_the_whole_recording_comes_out_as_converted():
    source = CaptureSource(*SHARE, speed=None, rebase=False)
    seen = Recorder()
    await source.run(seen)
    assert seen.all()[:-1].tobytes() == source.market.events[SYMBOL].tobytes()
    assert kinds(seen.all()[-1:]) == ["CLOSED"]
    assert source.start_ns == source.market.report.first_ns
    assert source.now_ns() >= source.market.report.last_ns


async def test_a_given_clock_is_followed_and_let_go_at_the_end():
    clock = HandClock(5 * 10**18)
    source = CaptureSource(*SHARE, clock=clock)
    seen = Recorder()
    task = asyncio.create_task(source.run(seen))
    await settle()
    assert kinds(seen.all())[-1] == "LIVE"
    assert source.start_ns == source.now_ns() == 5 * 10**18
    before = len(seen.all())
    clock.move_to(clock.now_ns() + 10**9)
    await settle()
    assert len(seen.all()) > before
    assert (seen.all()["recv_ns"] <= clock.now_ns()).all()
    clock.move_to(clock.now_ns() + 60 * 10**9)
    await task
    assert kinds(seen.all()[-1:]) == ["CLOSED"]
    assert clock.listeners == []


@pytest.mark.parametrize("begins_s", [0, 5])
async def test_a_re_based_recording_begins_when_it_is_told_to_not_when_it_was_read(begins_s):
    clock = HandClock(10**18)
    source = CaptureSource(*SHARE, clock=clock)
    clock.move_to(clock.now_ns() + begins_s * 10**9)
    source.begin()
    seen = Recorder()
    task = asyncio.create_task(source.run(seen))
    await settle()
    task.cancel()
    begins_ns = 10**18 + begins_s * 10**9
    assert (source.start_ns, seen.all()["recv_ns"][0]) == (begins_ns, begins_ns)
    first_ns = source.market.report.first_ns
    assert len(seen.all()) == np.count_nonzero(source.market.events[SYMBOL]["recv_ns"] == first_ns)


async def test_skipping_ahead_gives_a_whole_book_at_once():
    clock = HandClock(10**18)
    source = CaptureSource(*SHARE, clock=clock)
    view = MarketView(source.rules[SYMBOL])
    task = asyncio.create_task(source.run(lambda _, events: view.apply(events)))
    await settle()
    clock.time_ns += 10 * 10**9
    source.skip_to(clock.now_ns())
    await settle()
    assert (view.state, view.recv_ns, len(view.trades)) == (FeedState.LIVE, clock.now_ns(), 0)
    played = MarketView(source.rules[SYMBOL])
    for _, events in Playback(source.market.events, start_ns=10**18).due(clock.now_ns()):
        played.apply(events)
    assert (view.bids, view.asks) == (played.bids, played.asks)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.listeners == []


async def test_a_source_without_a_clock_keeps_its_own_pace():
    source = CaptureSource(*SHARE, speed=1_000_000, rebase=False)
    seen = Recorder()
    await source.run(seen)
    assert kinds(seen.all()[-1:]) == ["CLOSED"]
    assert source.pace is not None
    assert source.now_ns() == pytest.approx(source.pace.now_ns(), abs=10**12)


async def test_a_paused_source_emits_nothing_more():
    source = CaptureSource(*SHARE, speed=1.0)
    assert source.pace is not None
    source.pace.pause()
    seen = Recorder()
    task = asyncio.create_task(source.run(seen))
    await settle()
    paused = len(seen.all())
    await settle()
    assert len(seen.all()) == paused
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_demo_market_has_both_symbols_and_loops():
    clock = HandClock(10**18)
    source = demo_source(clock=clock)
    views = {symbol: MarketView(rules) for symbol, rules in source.rules.items()}
    assert sorted(views) == ["BTC_USDT", "ETH_USDT"]
    task = asyncio.create_task(source.run(lambda symbol, events: views[symbol].apply(events)))
    for _ in range(90):
        clock.move_to(clock.now_ns() + 10**9)
        await settle()
    assert source.playback.lap == 1
    assert all(view.state is FeedState.LIVE and len(view.bids) == 100 for view in views.values())
    assert not task.done()
    task.cancel()


def test_the_demo_folder_holds_capture_rules_and_licence():
    assert {file.name for file in demo_folder().iterdir()} == {
        "demo_btc_eth_60s.jsonl.gz",
        "symbols_details.json",
        "README.md",
    }


def test_a_speed_that_is_no_speed_is_refused():
    for speed in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="speed must be above 0"):
            CaptureSource(*SHARE, speed=speed)
