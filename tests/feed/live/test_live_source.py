"""What people are told, what changed rules do, and the connection shell against a wire by hand."""

import asyncio
import random
from dataclasses import replace
from decimal import Decimal

import pytest
from feed.feed_messages import RULES, SYMBOL, snapshot, update
from live_support import HASTE, MS

from paper_bitmart.bitmart.frames import deflate
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live import live_source
from paper_bitmart.feed.live.bitmart_session import EMPTY_BOOK, BitmartSession
from paper_bitmart.feed.live.errors import BITMART_CLOSED, INSTEAD
from paper_bitmart.feed.live.live_source import (
    LiveSource,
    MarketWatch,
    SystemClock,
    WatchSettings,
    apply_rules,
)
from paper_bitmart.feed.live.outages import OutageLog
from paper_bitmart.feed.live.rest import RestError
from paper_bitmart.feed.live.rules_watch import halting_changes, softer_changes
from paper_bitmart.feed.live.venue_limits import BITMART_WS

SECOND = 10**9
OLD = {SYMBOL: RULES}


class TestMarketWatch:
    @pytest.fixture
    def watch(self):
        return MarketWatch("BitMart", WatchSettings(silent_ns=20 * SECOND), 0, BITMART_CLOSED)

    def test_a_start_without_a_market_is_told_once_with_the_reason_and_the_way_out(self, watch):
        assert watch.look(False, "refused", 19 * SECOND) == ""
        told = watch.look(False, "refused", 20 * SECOND)
        assert told.startswith("BitMart: no market (refused). Trying on. BitMart stopped trading")
        assert watch.look(False, "refused", 90 * SECOND) == ""

    def test_a_return_is_told_once_and_the_next_silence_anew(self, watch):
        watch.look(False, "refused", 20 * SECOND)
        assert watch.look(True, "", 65 * SECOND) == "BitMart: the market is back after 65 s"
        assert watch.look(True, "", 66 * SECOND) == ""
        assert watch.look(False, "", 87 * SECOND).startswith("BitMart: no market (no book was received)")


class TestRules:
    @pytest.mark.parametrize(
        ("new", "why"),
        [
            ({}, "was delisted"),
            ({SYMBOL: replace(RULES, tick=Decimal("0.1"))}, "tick changed from 0.01 to 0.1"),
            ({SYMBOL: replace(RULES, lot=Decimal("0.5"))}, "lot changed from 0.1 to 0.5"),
        ],
    )
    def test_what_ends_a_symbol(self, new, why):
        assert why in halting_changes([SYMBOL], OLD, new)[SYMBOL]
        assert softer_changes([SYMBOL], OLD, new) == {}

    def test_minimums_and_status_are_told_and_end_nothing(self):
        new = {SYMBOL: replace(RULES, min_buy_notional=Decimal(10), trade_status="pre-trade")}
        assert halting_changes([SYMBOL], OLD, new) == {}
        assert "changed min_buy_amount, trade_status" in softer_changes([SYMBOL], OLD, new)[SYMBOL]

    def test_nothing_new_is_nothing(self):
        assert halting_changes([SYMBOL], OLD, OLD) == softer_changes([SYMBOL], OLD, OLD) == {}

    def test_a_delisted_symbol_is_closed_for_its_consumers(self):
        session = BitmartSession(OLD, rng=random.Random(1))
        session.opened(SECOND)
        session.receive(deflate(snapshot(1, [(100, 1)], [(102, 1)])), SECOND)
        apply_rules(session, {}, OLD, 2 * SECOND, lambda text: None)
        [(_, events)] = session.take_events()
        assert events["size_lots"][-1] == FeedState.CLOSED
        assert session.take_problems() == [f"{SYMBOL}: was delisted by the venue"]


class HandWire:
    """A websocket whose frames the test puts in; an exception breaks it."""

    def __init__(self):
        self.frames, self.sent, self.is_closed = asyncio.Queue(), [], False

    async def recv(self):
        frame = await self.frames.get()
        if isinstance(frame, Exception):
            raise frame
        return frame

    async def send(self, message):
        self.sent.append(message)

    async def close(self):
        self.is_closed = True


class Line:
    """A source over wires by hand: `refusals` connections fail first."""

    def __init__(self, refusals=0, *, clock=None, watch=None, load_rules=None):
        self.refusals, self.wires, self.told, self.batches = refusals, [], [], []
        outages, rng = OutageLog(), random.Random(1)
        session = BitmartSession(OLD, rng=rng, outages=outages)
        self.source = LiveSource(
            "test", [(session, "ws://nowhere")], clock=clock or SystemClock(), limits=BITMART_WS, rng=rng,
            outages=outages, notify=self.told.append, backoff=HASTE, connect=self._connect,
            watch=watch or WatchSettings(silent_ns=100 * MS), load_rules=load_rules,
        )  # fmt: skip

    async def _connect(self, url):
        assert url == "ws://nowhere"
        if self.refusals:
            self.refusals -= 1
            raise OSError("nobody there")
        self.wires.append(HandWire())
        return self.wires[-1]

    async def __aenter__(self):
        self.task = asyncio.ensure_future(self.source.run(lambda symbol, events: self.batches.append(events)))
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def until(self, what):
        async with asyncio.timeout(20):
            while not what():
                await asyncio.sleep(0.002)

    def states(self):
        return [FeedState(row["size_lots"]) for batch in self.batches for row in batch if row["kind"] == 6]


FIRST = deflate(snapshot(1, [(100, 1)], [(102, 1)]))


async def test_refused_connections_are_tried_again_and_a_broken_one_is_replaced():
    async with Line(refusals=3) as line:
        await line.until(lambda: line.wires and len(line.wires[0].sent) == 2)
        line.wires[0].frames.put_nowait(FIRST)
        [connection] = line.source.connections
        assert connection.backoff.failures == 3
        await line.until(lambda: line.states()[-1:] == [FeedState.LIVE])
        # A connection that delivers a market ends the waiting, not one that is merely made.
        await line.until(lambda: connection.backoff.failures == 0)
        line.wires[0].frames.put_nowait(OSError("cable cut"))
        await line.until(lambda: len(line.wires) == 2)
        assert line.wires[0].is_closed
        line.wires[1].frames.put_nowait(FIRST)
        await line.until(lambda: line.states()[-1] is FeedState.LIVE)
    assert line.states() == [
        FeedState.CLOSED, FeedState.SYNCING, FeedState.LIVE,
        FeedState.CLOSED, FeedState.SYNCING, FeedState.LIVE, FeedState.CLOSED,
    ]  # fmt: skip
    assert "cable cut" in line.source.outages.finished[0].why
    assert line.wires[1].is_closed


async def test_a_connection_that_brings_no_market_is_a_failure_like_any():
    async with Line() as line:
        for number in range(3):
            await line.until(lambda number=number: len(line.wires) > number)
            line.wires[number].frames.put_nowait(OSError("slammed"))
        await line.until(lambda: len(line.wires) == 4)
        assert line.source.connections[0].backoff.failures == 3


class HandClock:
    """A clock that the test moves."""

    def __init__(self):
        self.at_ns = 1_763_800_000 * SECOND

    def now_ns(self):
        return self.at_ns


class RulesDesk:
    """The venue's symbols table: what it says now, or fails with, and how often it was read."""

    def __init__(self):
        self.table, self.reads = OLD, 0

    async def __call__(self):
        self.reads += 1
        if isinstance(self.table, Exception):
            raise self.table
        return self.table


class TestReadingRules:
    """Looks every 5 ms of real time at a clock that the test moves."""

    @pytest.fixture
    def line(self, monkeypatch):
        monkeypatch.setattr(live_source, "LOOK_EVERY_S", 0.005)
        self.clock, self.desk = HandClock(), RulesDesk()
        watch = WatchSettings(silent_ns=10**6 * SECOND)
        return Line(clock=self.clock, watch=watch, load_rules=self.desk)

    async def looks(self):
        await asyncio.sleep(0.1)

    async def is_live(self, line):
        await line.until(lambda: line.wires)
        line.wires[0].frames.put_nowait(FIRST)
        await line.until(lambda: line.states()[-1:] == [FeedState.LIVE])

    async def test_every_ten_minutes_and_a_failure_is_not_tried_again_at_once(self, line):
        async with line:
            await self.looks()
            assert self.desk.reads == 0
            busy = RestError("http://venue", "busy")
            for number, table in enumerate((OLD, busy, busy, OLD, busy)):
                self.desk.table = table
                self.clock.at_ns += 599 * SECOND
                await self.looks()
                assert self.desk.reads == number
                self.clock.at_ns += SECOND
                await self.looks()
                assert self.desk.reads == number + 1
        # Each time that it fails anew, and not each time that it fails.
        told = "test: its rules cannot be read again (http://venue: busy); the old ones hold"
        assert line.told == [told, told]

    async def test_within_half_a_minute_when_content_does_not_fit_and_the_doubt_is_over_then(self, line):
        async with line:
            await self.is_live(line)
            off_tick = update(2, [(100, 7)]).replace(b'"1.00"', b'"1.005"')
            line.wires[0].frames.put_nowait(deflate(off_tick))
            await line.until(lambda: line.states()[-1] is FeedState.SYNCING)
            self.clock.at_ns += 30 * SECOND
            await line.until(lambda: self.desk.reads == 1)
            self.clock.at_ns += 300 * SECOND
            await self.looks()
            assert self.desk.reads == 1

    async def test_a_change_is_told_once(self, line):
        async with line:
            await self.is_live(line)
            self.desk.table = {SYMBOL: replace(RULES, min_size=Decimal(5))}
            for _ in range(3):
                reads = self.desk.reads
                self.clock.at_ns += 600 * SECOND
                await line.until(lambda reads=reads: self.desk.reads > reads)
        assert line.told == [f"{SYMBOL}: the venue changed base_min_size; takes effect at the next start"]

    async def test_a_symbol_that_is_gone_is_closed(self, line):
        async with line:
            await self.is_live(line)
            self.desk.table = {}
            self.clock.at_ns += 600 * SECOND
            await line.until(lambda: line.states()[-1] is FeedState.CLOSED)
        assert line.told == [f"test: {SYMBOL}: was delisted by the venue"]
        assert line.source.outages.open[SYMBOL].why == "was delisted by the venue"


async def test_a_venue_that_nobody_reaches_is_told_with_its_reason():
    async with Line(refusals=10**6) as line:
        await line.until(lambda: line.told)
    assert "no market (ws://nowhere cannot be reached: nobody there)" in line.told[0]


async def test_a_venue_whose_books_are_empty_from_some_time_on_is_told_once_with_what_to_do():
    async with Line() as line:
        await line.until(lambda: line.wires)
        line.wires[0].frames.put_nowait(FIRST)
        await line.until(lambda: line.states()[-1:] == [FeedState.LIVE])
        for _ in range(3):
            line.wires[0].frames.put_nowait(deflate(snapshot(2)))
        await line.until(lambda: line.told)
        await asyncio.sleep(0.3)
    [told] = [text for text in line.told if "no market" in text]
    assert told == f"test: no market ({EMPTY_BOOK}). Trying on. {INSTEAD}"


async def test_a_defect_in_the_consumer_ends_the_source_and_is_not_taken_for_a_lost_connection():
    line = Line()

    def broken(symbol, events):
        raise ZeroDivisionError

    task = asyncio.ensure_future(line.source.run(broken))
    await line.until(lambda: line.wires)
    line.wires[0].frames.put_nowait(FIRST)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(task, 20)
    assert len(line.wires) == 1
