"""The BitMart source over real sockets: against the faulty venue, and against our own server."""

import asyncio
import random
from dataclasses import replace

import pytest
from live_support import HASTE, MS, Follower
from venue.fault_plan import Fault, FaultPlan, Span
from venue.faulty_venue import FaultyVenue
from venue.socket_venue import SocketVenue

from paper_bitmart.bitmart.topics import DEPTH_INCREMENT
from paper_bitmart.exchange.clock import PlaybackClock, RealClock
from paper_bitmart.exchange.session import Session
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live.bitmart_session import BitmartTiming
from paper_bitmart.feed.live.bitmart_source import bitmart_source
from paper_bitmart.feed.live.errors import UnknownSymbol, VenueUnavailable
from paper_bitmart.feed.live.live_source import SystemClock, WatchSettings
from paper_bitmart.feed.live.venue_limits import BITMART_WS
from paper_bitmart.feed.sources import demo_source
from paper_bitmart.server.app import Server, create_app
from paper_bitmart.server.settings import ServerSettings

SYMBOLS = ("AAA_USDT", "BBB_USDT")
QUICK = BitmartTiming(
    ping_after_ns=400 * MS, pong_within_ns=200 * MS, answer_within_ns=300 * MS, gap_window_ns=500 * MS,
    audit_every_ns=500 * MS, retry_every_ns=2_000 * MS, quiet_ns=300 * MS, max_age_ns=1_500 * MS,
)  # fmt: skip


def venue_of(clock):
    now_ns = clock.now_ns()
    plan = FaultPlan([], refused_share=0)
    return SocketVenue(FaultyVenue(SYMBOLS, 1, plan, now_ns, interval_ns=20 * MS), clock.now_ns)


def misbehave(venue, clock, *faults, lasting_ms=1_500, share=0.2):
    """From now on; returns when it is over."""
    now_ns = clock.now_ns()
    plan = FaultPlan([Span(fault, now_ns, now_ns + lasting_ms * MS, share) for fault in faults], 0)
    venue.venue.follow(plan)
    return plan.ends_ns


async def opened(venue, clock, **options):
    return await asyncio.to_thread(
        bitmart_source, SYMBOLS, rest_url=venue.rest_url, ws_url=venue.ws_url, clock=clock,
        rng=random.Random(5), timing=QUICK, backoff=HASTE, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "faults",
    [
        (Fault.CUT, Fault.CORRUPT, Fault.LOSE),
        (Fault.HALF_OPEN, Fault.REPEAT, Fault.CROSSED),
        (Fault.RESTART_CUT, Fault.MUTE),
    ],
    ids=str,
)
async def test_over_real_sockets_a_live_book_is_the_venues_and_comes_back(faults):
    clock = SystemClock()
    venue = venue_of(clock)
    async with venue.serving():
        source = await opened(venue, clock)
        async with Follower(source, venue.venue) as follower:
            await follower.until(follower.all_live)
            ends_ns = misbehave(venue, clock, *faults)
            await follower.until(lambda: clock.now_ns() > ends_ns)
            await follower.until(follower.all_live)
            assert source.outages.count > 0
            assert not source.outages.open
        assert all(c.states[-1][1] is FeedState.CLOSED for c in follower.consumers.values())


async def test_audits_find_nothing_in_a_healthy_market():
    clock = SystemClock()
    venue = venue_of(clock)
    async with venue.serving():
        source = await opened(venue, clock)
        async with Follower(source, venue.venue) as follower:
            counters = source.sessions[0].counters.values()
            await follower.until(lambda: all(counter.audits >= 2 for counter in counters))
            assert [counter.audit_differences for counter in counters] == [0, 0]
            assert source.outages.count == 0


async def test_a_venue_that_falls_silent_later_is_told_once_with_what_to_do_and_its_return_too():
    clock = SystemClock()
    venue = venue_of(clock)
    notices = []
    async with venue.serving():
        watch = WatchSettings(silent_ns=700 * MS)
        source = await opened(venue, clock, notify=notices.append, watch=watch)
        async with Follower(source, venue.venue) as follower:
            await follower.until(follower.all_live)
            misbehave(venue, clock, Fault.MUTE, lasting_ms=3_000, share=1.0)
            await follower.until(lambda: any("back after" in notice for notice in notices))
    silent = [notice for notice in notices if "no market" in notice]
    assert len(silent) == 1
    assert "BitMart stopped trading on 26 August 2026" in silent[0]
    assert "--source demo" in silent[0]


async def test_an_unreachable_venue_is_one_clear_message():
    with pytest.raises(
        VenueUnavailable, match=r"symbols table cannot be read.*26 August 2026.*--source demo"
    ):
        await asyncio.to_thread(bitmart_source, SYMBOLS, rest_url="http://127.0.0.1:9")


async def test_a_venue_with_empty_books_is_one_clear_message():
    clock = SystemClock()
    venue = venue_of(clock)
    venue.books_are_empty = True
    async with venue.serving():
        with pytest.raises(VenueUnavailable, match=r"its books are empty.*--source binance"):
            await opened(venue, clock)


async def test_a_symbol_that_is_not_traded_is_named():
    venue = venue_of(SystemClock())
    async with venue.serving():
        with pytest.raises(UnknownSymbol, match="does not trade NOPE_USDT"):
            await asyncio.to_thread(bitmart_source, ["NOPE_USDT"], rest_url=venue.rest_url)


@pytest.mark.parametrize(
    ("limits", "connections"), [(BITMART_WS, 1), (replace(BITMART_WS, topics_per_connection=5), 2)]
)
async def test_our_own_server_is_a_bitmart_to_follow(limits, connections):
    clock = PlaybackClock(RealClock().now_ns(), 1.0)
    market = demo_source(clock=clock)
    session = Session(market, Venue(market.rules), clock)
    await session.start()
    settings = ServerSettings(port=0)
    try:
        async with Server(create_app(session, settings), settings) as server:
            source = await asyncio.to_thread(
                bitmart_source, list(market.rules), rest_url=server.url,
                ws_url=f"{server.ws_url}/api?protocol=1.1", limits=limits,
            )  # fmt: skip
            assert len(source.connections) == connections
            async with Follower(source) as follower:
                await follower.until(follower.all_live)
                await follower.until(lambda: all(_same_best(source, session, s) for s in market.rules))
                assert [connection.connects for connection in source.connections] == [1] * connections
                await follower.until(lambda: all(c.trades for c in follower.consumers.values()))
                mirrors = [mirror for one in source.sessions for mirror in one.mirrors.values()]
                await follower.until(lambda: all(mirror.counters.updates for mirror in mirrors))
                channels = {one.channel(symbol) for one in source.sessions for symbol in one.mirrors}
                assert channels == {DEPTH_INCREMENT}
    finally:
        await session.close()


def _same_best(source, session, symbol):
    [ours] = [one.mirrors[symbol] for one in source.sessions if symbol in one.mirrors]
    theirs = session.views[symbol]
    return list(ours.bids.items())[-20:] == list(theirs.bids.items())[-20:]
