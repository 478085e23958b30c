"""The admin API over a real replay: the bundled recording under a clock that the test moves."""

import contextlib

import pytest
from rest_support import START_NS, Exchange, listening

from paper_bitmart.exchange.clock import PlaybackClock, SimulatedClock
from paper_bitmart.exchange.session import Session
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.sources import demo_source
from paper_bitmart.server.app import create_app
from paper_bitmart.server.faults import Faults
from paper_bitmart.server.keys import KeyStore
from paper_bitmart.server.settings import ServerSettings

SECOND_NS = 10**9


@contextlib.asynccontextmanager
async def replaying():
    wall = SimulatedClock(START_NS)
    clock = PlaybackClock(START_NS, base=wall)
    source, keys, faults = demo_source(clock=clock), KeyStore(), Faults()
    async with Session(source, Venue(source.rules), clock) as session:
        settings = ServerSettings(rate_limits="off")
        app = create_app(session, settings, keys=keys, faults=faults, wall=wall)
        async with listening(app, settings) as client:
            exchange = Exchange(session, source, keys, faults, wall, app, client)
            await exchange.settle()
            yield exchange


async def test_a_paused_replay_stands_still_until_it_is_resumed():
    async with replaying() as exchange:
        shown = (await exchange.admin("GET", "/clock")).data
        assert shown == {"now_ms": START_NS // 10**6, "is_playback": True, "paused": False, "speed": 1.0}
        assert (await exchange.admin("POST", "/clock/pause", {})).data["paused"] is True
        exchange.wall.advance(SECOND_NS)
        assert exchange.session.clock.now_ns() == START_NS
        assert (await exchange.admin("POST", "/clock/resume")).data["paused"] is False
        exchange.wall.advance(SECOND_NS)
        assert exchange.session.clock.now_ns() == START_NS + SECOND_NS


async def test_speed_is_market_seconds_per_real_second():
    async with replaying() as exchange:
        assert (await exchange.admin("POST", "/clock/speed", {"speed": 2.5})).data["speed"] == 2.5
        exchange.wall.advance(2 * SECOND_NS)
        assert exchange.session.clock.now_ns() == START_NS + 5 * SECOND_NS


async def test_a_seek_jumps_forward_and_the_book_is_whole_there():
    async with replaying() as exchange:
        to_ms = START_NS // 10**6 + 30_000
        assert (await exchange.admin("POST", "/clock/seek", {"to_ms": to_ms})).data["now_ms"] == to_ms
        await exchange.settle()
        view = exchange.session.views["BTC_USDT"]
        assert view.state is FeedState.LIVE
        assert view.recv_ns == to_ms * 10**6
        assert view.best_bid() < view.best_ask()


@pytest.mark.parametrize("offset_ms", [0, -1_000, 3_600_000])
async def test_a_seek_back_or_beyond_the_recording_is_refused(offset_ms):
    async with replaying() as exchange:
        exchange.wall.advance(5 * SECOND_NS)
        now_ms = exchange.session.clock.now_ns() // 10**6
        reply = await exchange.admin("POST", "/clock/seek", {"to_ms": now_ms + offset_ms})
        assert (reply.status, reply.code) == (409, 10_409)
        assert "to_ms" in reply.message
        assert exchange.session.clock.now_ns() // 10**6 == now_ms


async def test_a_seek_beyond_the_lap_is_told_its_bounds_in_ms():
    async with replaying() as exchange:
        start_ms = START_NS // 10**6
        reply = await exchange.admin("POST", "/clock/seek", {"to_ms": start_ms + 3_600_000})
        end_ms = exchange.session.source.playback.end_ns // 10**6
        assert reply.message == (
            f"to_ms: {start_ms + 3_600_000} is outside the recording's present lap, {start_ms} .. {end_ms}"
        )
