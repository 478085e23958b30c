import asyncio

import numpy as np
import pytest
from rest_support import ASKS, BIDS, MS, RULES, START_NS, HandSource, depth, serving, snapshot, trades

from paper_bitmart.exchange.clock import SimulatedClock
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.server.fault_source import FaultySource
from paper_bitmart.server.faults import Fault, FaultPlan, FaultRule, Faults

BUY = 0


class Listener:
    """A source under a fault plan, and the market as those behind it see it."""

    def __init__(self, *rules):
        self.wall = SimulatedClock(START_NS)
        self.faults = Faults(FaultPlan(rules=rules), at_ns=START_NS)
        self.hand = HandSource(RULES)
        self.source = FaultySource(self.hand, self.faults, self.wall)
        self.view = MarketView(RULES["ETH_USDT"])
        self.heard = []

    async def __aenter__(self):
        self.task = asyncio.create_task(self.source.run(self._hear))
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *exc_info):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def _hear(self, symbol, events):
        self.heard.append((symbol, events))
        if symbol == "ETH_USDT":
            self.view.apply(events)

    def at_ms(self, ms, make, *args, symbol="ETH_USDT", **kwargs):
        """`ms` after the start the market sends what `make(at_ns, ...)` gives."""
        self.wall.advance_to(START_NS + ms * MS)
        self.hand.send(symbol, make(START_NS + ms * MS, *args, **kwargs))


async def test_without_a_fault_the_very_same_events_pass():
    async with Listener() as listener:
        sent = snapshot(START_NS, BIDS, ASKS)
        listener.hand.send("ETH_USDT", sent)
        [(symbol, events)] = listener.heard
        assert symbol == "ETH_USDT"
        assert events is sent
        assert (listener.source.name, listener.source.start_ns) == ("by hand", START_NS)
        assert listener.source.rules == RULES


async def test_a_halt_closes_the_market_at_once_and_ends_with_a_whole_book():
    halt = FaultRule(fault=Fault.SYMBOL_HALTED, where="ETH_*", from_ms=10, until_ms=20)
    async with Listener(halt) as listener:
        listener.at_ms(0, snapshot, BIDS, ASKS)
        listener.at_ms(10, depth, bids={249990: 1})
        assert listener.view.state is FeedState.STALE
        assert listener.view.bids[249990] == BIDS[249990]
        listener.at_ms(15, trades, (BUY, 250010, 5))
        assert not listener.view.trades
        listener.at_ms(20, depth, asks={250010: 7})
        assert listener.view.state is FeedState.LIVE
        assert dict(listener.view.bids) == BIDS | {249990: 1}
        assert dict(listener.view.asks) == ASKS | {250010: 7}
        assert [record.fault for record in listener.faults.records] == [Fault.SYMBOL_HALTED]


async def test_a_frozen_feed_is_silent_first_and_stale_after_its_delay():
    frozen = FaultRule(fault=Fault.FEED_FROZEN, from_ms=10, delay_ms=30)
    async with Listener(frozen) as listener:
        listener.at_ms(0, snapshot, BIDS, ASKS)
        for ms in (10, 39):
            listener.at_ms(ms, depth, bids={249990: ms})
            assert listener.view.state is FeedState.LIVE
            assert listener.view.bids[249990] == BIDS[249990]
        listener.at_ms(40, depth, bids={249990: 40})
        listener.at_ms(41, depth, bids={249990: 41})
        assert listener.view.state is FeedState.STALE
        assert len(listener.heard) == 2


async def test_other_symbols_go_on():
    async with Listener(FaultRule(fault=Fault.SYMBOL_HALTED, where="BTC_USDT")) as listener:
        listener.at_ms(0, snapshot, BIDS, ASKS)
        listener.at_ms(0, snapshot, BIDS, ASKS, symbol="BTC_USDT")
        assert listener.view.state is FeedState.LIVE
        assert {symbol for symbol, events in listener.heard if np.any(events["kind"] == 0)} == {"ETH_USDT"}


async def test_a_source_that_is_no_recording_cannot_be_skipped():
    async with Listener() as listener:
        with pytest.raises(ValueError, match="by hand"):
            listener.source.skip_to(START_NS)


async def test_orders_meet_50022_during_a_halt_and_trade_after_it():
    halt = FaultRule(fault=Fault.SYMBOL_HALTED, where="ETH_USDT", from_ms=1, until_ms=2)
    async with serving(plan=FaultPlan(rules=(halt,))) as exchange:
        exchange.pass_ms(1)
        await exchange.market(depth(START_NS + MS, bids={249990: 5}))
        fields = {"symbol": "ETH_USDT", "side": "buy", "type": "limit", "size": "0.1", "price": "2500.10"}
        assert (await exchange.post("/spot/v2/submit_order", **fields)).code == 50022
        exchange.pass_ms(1)
        await exchange.market(depth(START_NS + 2 * MS, bids={249990: 6}))
        assert (await exchange.post("/spot/v2/submit_order", **fields)).code == 1000
