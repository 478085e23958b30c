"""Sources by name, and a whole exchange on a live one."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from live_support import HASTE
from venue.binance_venue import BinanceVenue

from paper_bitmart.bitmart.enums import OrderState, OrderType, Side, StpMode
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.clock import PlaybackClock, RealClock
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.exchange.session import Session
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live.binance_session import BinanceTiming
from paper_bitmart.feed.live.errors import SourceError, UnknownSource, VenueUnavailable
from paper_bitmart.feed.live.live_source import SystemClock
from paper_bitmart.feed.live.registry import is_live, open_source
from paper_bitmart.feed.sources import DEMO_CAPTURE, demo_folder

SYMBOL = "BTC_USDT"


@pytest.mark.parametrize("name", ["bitmart", "binance", "ccxt:okx"])
def test_venues_are_live(name):
    assert is_live(name)


@pytest.mark.parametrize("name", ["demo", "capture.jsonl.gz", "bitmart.jsonl"])
def test_recordings_are_not(name):
    assert not is_live(name)


def test_the_demo_and_a_file_with_its_rules_beside_it():
    assert set(open_source("demo").rules) == {"BTC_USDT", "ETH_USDT"}
    assert open_source(str(demo_folder() / DEMO_CAPTURE)).name == f"capture {DEMO_CAPTURE}"


@pytest.mark.parametrize(
    ("name", "rules", "error", "text"),
    [
        ("nonsense", None, UnknownSource, "demo, bitmart, binance, ccxt:NAME, or a capture file"),
        ("ccxt", None, UnknownSource, "needs the name of an exchange"),
        ("ccxt:okx", Path("rules.json"), UnknownSource, "brings its own rules"),
    ],
)
def test_a_source_that_is_none_says_what_there_is(name, rules, error, text):
    with pytest.raises(error, match=text):
        open_source(name, rules=rules)


@pytest.mark.parametrize("name", ["bitmart", "binance"])
def test_a_venue_that_does_not_answer_is_one_error_that_says_what_to_do(name):
    with pytest.raises(VenueUnavailable, match="--source demo") as failed:
        open_source(name, rest_url="http://127.0.0.1:9")
    assert isinstance(failed.value, SourceError)


def test_a_file_without_rules_says_what_it_needs(tmp_path):
    capture = tmp_path / "capture.jsonl"
    capture.write_text("")
    with pytest.raises(UnknownSource, match="needs the symbols/details file"):
        open_source(str(capture))


def buy(price):
    return NewOrder(
        symbol=SYMBOL, side=Side.BUY, type=OrderType.LIMIT, price=price, size=Decimal(1), notional=None,
        client_order_id=None, stp_mode=StpMode.NONE,
    )  # fmt: skip


async def test_orders_fill_on_a_live_market_and_are_refused_while_it_is_not():
    clock = PlaybackClock(RealClock().now_ns(), 1.0)
    market = BinanceVenue([SYMBOL], 6, SystemClock().now_ns)
    quick = BinanceTiming(fetch_apart_ns=300_000_000)
    async with market.serving():
        source = await asyncio.to_thread(
            open_source, "binance", [SYMBOL], None, clock, rest_url=market.rest_url, ws_url=market.ws_url,
            timing=quick, backoff=HASTE,
        )  # fmt: skip
        session = Session(source, Venue(source.rules), clock)
        async with session:
            await session.open_account("alice", None)
            await until(lambda: session.venue.feed_state(SYMBOL) is FeedState.LIVE)
            rules = source.rules[SYMBOL]
            crossing = rules.price(session.views[SYMBOL].bbo[1][0] + 20)
            events = await session.submit("alice", buy(crossing))
            order = session.venue.order("alice", order_id=events[0].order.order_id)
            assert order.state is OrderState.FILLED

            await market.cut()
            await until(lambda: session.venue.feed_state(SYMBOL) is not FeedState.LIVE)
            with pytest.raises(BitmartError):
                await session.submit("alice", buy(crossing))
            await until(lambda: session.venue.feed_state(SYMBOL) is FeedState.LIVE)


async def until(what, limit_s=20):
    async with asyncio.timeout(limit_s):
        while not what():
            await asyncio.sleep(0.005)
