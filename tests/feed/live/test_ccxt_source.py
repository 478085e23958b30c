"""ccxt sources against a stand-in that hands out whole books and trades as ccxt pro does."""

import asyncio
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

import pytest
from live_support import HASTE, Follower

from paper_bitmart.bitmart.rules import RulesError
from paper_bitmart.feed.events import FeedState, Kind
from paper_bitmart.feed.live import ccxt_source as ccxt_source_module
from paper_bitmart.feed.live.ccxt_rules import DECIMAL_PLACES, TICK_SIZE, rules_of_market
from paper_bitmart.feed.live.ccxt_session import HISTORY_NS_MAX, MAX_AGE_NS, CcxtSession
from paper_bitmart.feed.live.ccxt_source import CcxtSource, ccxt_source, rules_of_markets
from paper_bitmart.feed.live.errors import UnknownSource, UnknownSymbol, VenueUnavailable

MARKET = {
    "symbol": "BTC/USDT",
    "active": True,
    "precision": {"price": 0.1, "amount": 1e-05},
    "limits": {"amount": {"min": 0.0001, "max": None}, "cost": {"min": 5.0}, "price": {}},
}
RULES = {"BTC_USDT": rules_of_market("BTC_USDT", MARKET, TICK_SIZE, 1)}
NOW_NS = 1_763_800_000 * 10**9


class VenueFailed(Exception):
    """What the stand-in raises."""


class StandIn:
    """Hands out what the test puts into its queues; an exception in a queue is raised."""

    def __init__(self):
        self.books, self.prints = asyncio.Queue(), asyncio.Queue()
        self.asked = set()
        self.is_closed = False

    async def watch_order_book(self, symbol):
        return await self._next(self.books, symbol)

    async def watch_trades(self, symbol):
        return await self._next(self.prints, symbol)

    async def _next(self, queue, symbol):
        self.asked.add(symbol)
        given = await queue.get()
        if isinstance(given, Exception):
            raise given
        return given

    async def close(self):
        self.is_closed = True


def book(bids, asks, timestamp=1_763_800_000_123):
    return {"bids": bids, "asks": asks, "timestamp": timestamp, "nonce": 1}


def trade(price, amount, side="buy", trade_id=None, ms=1_763_800_000_100):
    return {"price": price, "amount": amount, "side": side, "timestamp": ms, "id": trade_id}


FIRST = book([[100.0, 1.0], [99.9, 2.5]], [[100.1, 0.5], [100.2, 3.0]])
SECOND = book([[100.0, 0.7]], [[100.1, 0.5], [100.2, 3.0], [100.3, 1.0]])


async def test_books_and_trades_become_a_market_and_a_failed_stream_is_begun_anew():
    stand_in = StandIn()
    source = CcxtSource("stand-in", lambda: stand_in, RULES, failures=(VenueFailed,), backoff=HASTE)
    async with Follower(source) as follower:
        consumer = follower.consumers["BTC_USDT"]
        stand_in.books.put_nowait(FIRST)
        await follower.until(follower.all_live)
        assert consumer.book == ({1000: 100_000, 999: 250_000}, {1001: 50_000, 1002: 300_000})
        stand_in.books.put_nowait(SECOND)
        ms = source.start_ns // 10**6 + 1
        stand_in.prints.put_nowait([trade(100.1, 0.25, ms=ms), trade(100.0, 0.1, "sell", ms=ms)])
        await follower.until(lambda: consumer.trades == 2)
        assert consumer.book == ({1000: 70_000}, {1001: 50_000, 1002: 300_000, 1003: 100_000})
        stand_in.books.put_nowait(VenueFailed("gone"))
        await follower.until(lambda: source.outages.open)
        assert "gone" in source.outages.open["BTC_USDT"].why
        stand_in.books.put_nowait(FIRST)
        await follower.until(follower.all_live)
        assert consumer.book[0] == {1000: 100_000, 999: 250_000}
        assert stand_in.asked == {"BTC/USDT"}
    assert stand_in.is_closed


async def test_a_stream_that_gives_nothing_for_too_long_is_begun_anew(monkeypatch):
    monkeypatch.setattr(ccxt_source_module, "ANSWER_S", 0.05)
    stand_in = StandIn()
    source = CcxtSource("stand-in", lambda: stand_in, RULES, failures=(VenueFailed,), backoff=HASTE)
    async with Follower(source) as follower:
        stand_in.books.put_nowait(FIRST)
        await follower.until(follower.all_live)
        await follower.until(lambda: source.outages.open)
        assert source.outages.open["BTC_USDT"].why == "BTC_USDT: TimeoutError"
        stand_in.books.put_nowait(FIRST)
        await follower.until(follower.all_live)


class HandClock:
    """A clock that the test moves."""

    def __init__(self):
        self.at_ns = NOW_NS

    def now_ns(self):
        return self.at_ns


async def test_a_book_that_does_not_move_for_a_minute_is_stale(monkeypatch):
    monkeypatch.setattr(ccxt_source_module, "LOOK_EVERY_S", 0.005)
    stand_in, clock = StandIn(), HandClock()
    source = CcxtSource("stand-in", lambda: stand_in, RULES, failures=(VenueFailed,), clock=clock)
    async with Follower(source) as follower:
        stand_in.books.put_nowait(FIRST)
        await follower.until(follower.all_live)
        clock.at_ns += MAX_AGE_NS - 1
        await asyncio.sleep(0.1)
        assert follower.all_live()
        clock.at_ns += 1
        await follower.until(lambda: follower.consumers["BTC_USDT"].state is FeedState.STALE)


async def test_a_stream_that_fails_is_not_tried_again_at_once():
    stand_in = StandIn()
    for _ in range(1_000):
        stand_in.books.put_nowait(VenueFailed("gone"))
    source = CcxtSource("stand-in", lambda: stand_in, RULES, failures=(VenueFailed,))
    async with Follower(source) as follower:
        await follower.until(lambda: source.session.gaps["BTC_USDT"] >= 2)
        # The first wait is a quarter of a second at least.
        await asyncio.sleep(0.1)
        assert source.session.gaps["BTC_USDT"] == 2


class TestSession:
    @pytest.fixture
    def session(self):
        session = CcxtSession(RULES)
        session.opened(NOW_NS)
        return session

    def test_only_differences_follow_the_first_book(self, session):
        session.book("BTC_USDT", FIRST, NOW_NS)
        session.take_events()
        session.book("BTC_USDT", SECOND, NOW_NS + 1)
        [(_, events)] = session.take_events()
        levels = [(event["side"], event["price_ticks"], event["size_lots"]) for event in events]
        assert levels == [(0, 999, 0), (0, 1000, 70_000), (1, 1003, 100_000)]
        assert set(events["exch_ns"].tolist()) == {1_763_800_000_123 * 10**6}

    def test_numbers_between_ticks_and_lots_never_flatter_the_book(self, session):
        session.book("BTC_USDT", book([[99.97, 0.000019]], [[100.01, 1.0], [100.1, 1.0]]), NOW_NS)
        mirror = session.mirrors["BTC_USDT"]
        assert (dict(mirror.bids), dict(mirror.asks)) == ({999: 1}, {1001: 200_000})

    @pytest.mark.parametrize(
        "bad", [book([], []), book([["x", 1]], []), {"bids": []}, book([[float("nan"), 1.0]], [])], ids=str
    )
    def test_a_book_that_is_none_ends_live(self, session, bad):
        session.book("BTC_USDT", FIRST, NOW_NS)
        session.book("BTC_USDT", bad, NOW_NS + 1)
        assert session.mirrors["BTC_USDT"].state is FeedState.SYNCING
        session.book("BTC_USDT", SECOND, NOW_NS + 2)
        assert session.mirrors["BTC_USDT"].state is FeedState.LIVE
        assert dict(session.mirrors["BTC_USDT"].bids) == {1000: 70_000}

    def test_a_crossed_book_ends_live_until_a_sound_one_comes(self, session):
        session.book("BTC_USDT", FIRST, NOW_NS)
        session.book("BTC_USDT", book([[101.0, 1.0]], [[100.0, 1.0]]), NOW_NS + 1)
        assert session.mirrors["BTC_USDT"].state is FeedState.SYNCING
        session.book("BTC_USDT", FIRST, NOW_NS + 2)
        assert session.mirrors["BTC_USDT"].state is FeedState.LIVE

    def prints(self, session):
        return [
            (event["price_ticks"], event["size_lots"])
            for _, events in session.take_events()
            for event in events
            if event["kind"] == Kind.TRADE
        ]

    @pytest.fixture
    def live(self, session):
        session.book("BTC_USDT", FIRST, NOW_NS)
        return session

    def test_a_trade_with_an_id_that_came_before_is_no_second_print(self, live):
        live.trades("BTC_USDT", [trade(100.1, 0.1, trade_id="a"), trade(100.1, 0.1, trade_id="b")], NOW_NS)
        live.trades(
            "BTC_USDT", [trade(100.1, 0.1, trade_id="b"), trade(100.1, 0.1, trade_id="c")], NOW_NS + 1
        )
        assert self.prints(live) == [(1001, 10_000)] * 3
        assert live.trades_passed_over == {"BTC_USDT": 1}

    def test_equal_trades_without_an_id_are_all_prints(self, live):
        for _ in range(2):
            live.trades("BTC_USDT", [trade(100.1, 0.1), trade(100.1, 0.1)], NOW_NS)
        assert len(self.prints(live)) == 4

    @pytest.mark.parametrize("begin", ["opened", "lost"])
    def test_what_a_stream_begins_with_is_history_until_a_trade_of_now(self, live, begin):
        now_ns, now_ms = NOW_NS + 10**9, NOW_NS // 10**6 + 1_000
        if begin == "opened":
            live.closed(now_ns, "cut")
            live.opened(now_ns)
        else:
            live.lost("BTC_USDT", "cut", now_ns)
        live.book("BTC_USDT", FIRST, now_ns)
        live.trades("BTC_USDT", [trade(100.0, 1.0, ms=now_ms - ago) for ago in (900, 2, 1)], now_ns + 10**6)
        assert self.prints(live) == []
        live.trades(
            "BTC_USDT", [trade(99.8, 1.0, ms=now_ms - 1), trade(99.9, 1.0, ms=now_ms)], now_ns + 2 * 10**6
        )
        # From here on a late stamp is only a late stamp.
        live.trades("BTC_USDT", [trade(99.7, 1.0, ms=now_ms - 5)], now_ns + 3 * 10**6)
        assert [price for price, _ in self.prints(live)] == [999, 997]
        assert live.trades_passed_over == {"BTC_USDT": 4}

    def test_a_venue_whose_clock_is_behind_is_heard_after_ten_seconds(self, live):
        old = trade(100.0, 1.0, ms=NOW_NS // 10**6 - 60_000)
        live.trades("BTC_USDT", [old], NOW_NS + HISTORY_NS_MAX - 1)
        assert self.prints(live) == []
        live.trades("BTC_USDT", [old], NOW_NS + HISTORY_NS_MAX)
        assert len(self.prints(live)) == 1


class TestRules:
    def test_tick_sizes_and_limits(self):
        rules = RULES["BTC_USDT"]
        assert (rules.tick, rules.lot) == (Decimal("0.1"), Decimal("0.00001"))
        assert (rules.min_size, rules.max_size, rules.min_buy_notional) == (Decimal("0.0001"), None, 5)

    def test_decimal_places(self):
        market = MARKET | {"precision": {"price": 2, "amount": 4}}
        rules = rules_of_market("BTC_USDT", market, DECIMAL_PLACES, 1)
        assert (rules.tick, rules.lot) == (Decimal("0.01"), Decimal("0.0001"))

    @pytest.mark.parametrize(
        ("mode", "precision", "field"),
        [
            (3, {"price": 5, "amount": 5}, "precisionMode"),
            (TICK_SIZE, {"price": None, "amount": 1}, "precision.price"),
            (TICK_SIZE, {"price": 0.1}, "precision.amount"),
        ],
    )
    def test_a_market_without_fixed_steps_is_refused_by_field(self, mode, precision, field):
        with pytest.raises(RulesError) as refused:
            rules_of_market("BTC_USDT", MARKET | {"precision": precision}, mode, 1)
        assert refused.value.field == field

    def test_a_symbol_that_is_not_there_is_named(self):
        with pytest.raises(UnknownSymbol, match="does not trade ETH_USDT"):
            rules_of_markets("okx", ["BTC_USDT", "ETH_USDT"], {"BTC/USDT": MARKET}, TICK_SIZE)


@pytest.mark.parametrize("missing", ["ccxt", "ccxt.pro"])
def test_without_the_library_the_extra_is_named(monkeypatch, missing):
    # None makes an import fail as for a library that is not installed.
    monkeypatch.setitem(sys.modules, "ccxt", Library)
    monkeypatch.setitem(sys.modules, "ccxt.pro", Library)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UnknownSource, match=r"needs the ccxt library: pip install 'paper-bitmart\[ccxt\]'"):
        ccxt_source("here", ["BTC_USDT"])


class Library:
    """Both modules of ccxt, with one exchange; `markets`: what it has, or what it fails with."""

    BaseError = VenueFailed
    exchanges = ("here", "candles")
    markets: ClassVar[object] = {"BTC/USDT": MARKET}

    class here:
        has: Mapping[str, bool] = {"watchOrderBook": True, "watchTrades": True}
        precisionMode = TICK_SIZE

        def __init__(self, options):
            self.options = options

        def load_markets(self):
            if isinstance(Library.markets, Exception):
                raise Library.markets
            return Library.markets

    class candles(here):
        has: Mapping[str, bool] = {"watchOHLCV": True}


class TestLibrary:
    @pytest.fixture(autouse=True)
    def library(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "ccxt", Library)
        monkeypatch.setitem(sys.modules, "ccxt.pro", Library)
        return monkeypatch

    def test_rules_come_from_its_markets(self):
        assert ccxt_source("here", ["BTC_USDT"]).rules == RULES

    def test_an_exchange_without_streams_is_refused(self):
        with pytest.raises(UnknownSource, match="streams no spot order book and trades of candles"):
            ccxt_source("candles", ["BTC_USDT"])

    def test_a_venue_that_does_not_answer_is_one_message_with_what_to_do(self, library):
        library.setattr(Library, "markets", VenueFailed("here GET https://here timed out"))
        with pytest.raises(VenueUnavailable, match=r"here GET.*timed out.*--source demo"):
            ccxt_source("here", ["BTC_USDT"])


def test_an_exchange_that_ccxt_does_not_know_is_named():
    pytest.importorskip("ccxt")
    with pytest.raises(UnknownSource, match="no exchange 'nowhere'"):
        ccxt_source("nowhere", ["BTC_USDT"])
