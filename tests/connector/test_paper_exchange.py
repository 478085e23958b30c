"""Putting a paper exchange together, and time that is stepped."""

import asyncio
from decimal import Decimal

import pytest
from shell_bench import options

from paper_bitmart.connector import paper_exchange
from paper_bitmart.connector.paper_exchange import PaperOptions, open_exchange
from paper_bitmart.exchange.clock import SimulatedClock
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.journal_error import JournalLocked
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.pairs_only import UnknownPair


async def test_a_new_account_gets_ten_thousand_quote_and_one_base(tmp_path):
    exchange = open_exchange(options(tmp_path))
    await exchange.start()
    amounts = {name: one.total_atoms // 10**18 for name, one in exchange.venue.balances("default").items()}
    await exchange.session.close()
    assert amounts == {"BTC": 1, "USDT": 10_000}


async def test_the_market_is_live_when_the_start_is_over(tmp_path):
    exchange = open_exchange(options(tmp_path))
    await exchange.start()
    assert exchange.venue.feed_state("BTC_USDT") is FeedState.LIVE
    await exchange.session.close()


async def test_a_recording_begins_with_the_exchange_not_when_it_was_read(monkeypatch):
    monkeypatch.setattr(paper_exchange, "RealClock", lambda: SimulatedClock(10**18))
    exchange = open_exchange(PaperOptions(pairs=["ETH_USDT"]))
    exchange.session.clock.seek(10**18 + 5 * 10**9)
    exchange.session.clock.pause()
    begins_ns = exchange.now_ns()
    started = asyncio.create_task(exchange.start())
    for _ in range(10):
        await asyncio.sleep(0)
    started.cancel()
    assert exchange.session.source.start_ns == begins_ns
    assert exchange.session.views["ETH_USDT"].recv_ns == begins_ns
    await exchange.session.close()


async def test_the_demo_market_is_looped_by_default():
    exchange = open_exchange(PaperOptions(speed=None, balances={"USDT": Decimal(1)}))
    await exchange.start()
    await exchange.time.wait(61 * 10**9)
    views = exchange.session.views
    assert {symbol: view.state for symbol, view in views.items()} == dict.fromkeys(views, FeedState.LIVE)
    assert exchange.now_ns() - exchange.session.source.start_ns > 60 * 10**9
    await exchange.session.close()


async def test_pairs_leave_out_the_others():
    exchange = open_exchange(PaperOptions(speed=None, pairs=["ETH_USDT"]))
    await exchange.start()
    assert list(exchange.session.views) == ["ETH_USDT"]
    await exchange.session.close()


def test_a_pair_that_the_market_lacks_is_named_with_those_it_has(tmp_path):
    with pytest.raises(UnknownPair, match="DOGE-USDT is not in this market, which has BTC-USDT"):
        open_exchange(options(tmp_path, pairs=["DOGE_USDT"]))


def test_a_state_directory_in_use_is_refused_and_left_alone(tmp_path):
    with Journal(tmp_path / "state"), pytest.raises(JournalLocked):
        open_exchange(options(tmp_path, state=tmp_path / "state"))


async def test_a_second_session_starts_after_the_firsts_last_moment(tmp_path):
    paper = options(tmp_path, state=tmp_path / "state")
    first = open_exchange(paper)
    await first.start()
    await first.time.wait(10**9)
    ended_ns = first.now_ns()
    await first.session.close()
    second = open_exchange(paper)
    await second.start()
    assert second.now_ns() > ended_ns
    assert second.venue.feed_state("BTC_USDT") is FeedState.LIVE
    await second.session.close()


async def test_with_a_running_clock_time_passes_by_itself(tmp_path):
    paper = options(tmp_path)
    exchange = open_exchange(PaperOptions(capture=paper.capture, symbols=paper.symbols, speed=1000.0))
    await exchange.start()
    before_ns = exchange.now_ns()
    await exchange.time.wait(10**9)
    assert exchange.now_ns() >= before_ns + 10**9
    await exchange.session.close()
