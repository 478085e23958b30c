"""The Binance source against a local venue that speaks Binance's protocol."""

import asyncio
import random
from decimal import Decimal

import msgspec
import pytest
from live_support import HASTE, MS, Follower
from venue.binance_venue import BinanceVenue, price_text
from venue.true_market import FULL_LEVELS

from paper_bitmart.bitmart.public_messages import encode
from paper_bitmart.feed.capture import RawMessage
from paper_bitmart.feed.convert import CaptureConverter
from paper_bitmart.feed.events import FeedState, Kind
from paper_bitmart.feed.live import binance_book
from paper_bitmart.feed.live.binance_rules import parse_exchange_info
from paper_bitmart.feed.live.binance_session import BinanceSession, BinanceTiming
from paper_bitmart.feed.live.binance_source import binance_source
from paper_bitmart.feed.live.errors import UnknownSymbol, VenueUnavailable
from paper_bitmart.feed.live.live_source import SystemClock
from paper_bitmart.feed.live.venue_session import FOREVER_NS

SYMBOLS = ("BTC_USDT", "ETH_USDT")
QUICK = BinanceTiming(
    fetch_apart_ns=100 * MS, fetch_apart_most_ns=500 * MS, audit_every_ns=400 * MS, quiet_ns=300 * MS,
)  # fmt: skip


async def opened(venue, **options):
    return await asyncio.to_thread(
        binance_source, SYMBOLS, rest_url=venue.rest_url, ws_url=venue.ws_url, timing=QUICK, backoff=HASTE,
        rng=random.Random(3), **options,
    )  # fmt: skip


def published_books(venue, symbol):
    """Every book that the venue had, as the best 100 a side (it never has more)."""
    return list(venue.markets[symbol.replace("_", "")].book_at.values())


async def test_rules_come_from_the_filters_and_symbols_are_bitmarts():
    venue = BinanceVenue(SYMBOLS, 1, SystemClock().now_ns)
    async with venue.serving():
        rules = (await opened(venue)).rules["BTC_USDT"]
    assert (rules.base, rules.quote, rules.tick, rules.lot) == (
        "BTC",
        "USDT",
        Decimal("0.01"),
        Decimal("0.1"),
    )
    assert (rules.min_size, rules.max_size, rules.min_buy_notional) == (Decimal("0.1"), 9000, 5)
    assert rules.price_decimals == 2


async def test_books_are_binances_through_loss_and_reconnection_and_audits_agree():
    venue = BinanceVenue(SYMBOLS, 2, SystemClock().now_ns)
    async with venue.serving():
        source = await opened(venue)
        async with Follower(source) as follower:
            counters = source.sessions[0].counters
            await follower.until(lambda: all(counter.audits >= 2 for counter in counters.values()))
            assert [counter.audit_differences for counter in counters.values()] == [0, 0]
            assert_books(venue, follower)
            venue.lose_share = 0.2
            await follower.until(lambda: all(counter.gaps for counter in counters.values()))
            venue.lose_share = 0.0
            await follower.until(follower.all_live)
            assert_books(venue, follower)
            await venue.cut()
            await follower.until(lambda: source.outages.open)
            await follower.until(follower.all_live)
            assert_books(venue, follower)
            assert all(consumer.trades for consumer in follower.consumers.values())


def assert_books(venue, follower):
    for symbol, consumer in follower.consumers.items():
        assert consumer.book in published_books(venue, symbol)


async def test_what_is_recorded_gives_the_same_events_again():
    lines, raws = [], []
    venue = BinanceVenue(SYMBOLS, 4, SystemClock().now_ns)
    async with venue.serving():
        source = await opened(venue)
        [session] = source.sessions
        session.tap = lambda at_ns, line: lines.append((at_ns, line))
        session.raw = lambda at_ns, frame: raws.append(frame)
        venue.lose_share = 0.05
        async with Follower(source) as follower:
            await follower.until(lambda: len(lines) > 400)
    converter = CaptureConverter("live", source.rules)
    for number, (at_ns, line) in enumerate(lines):
        converter.feed(RawMessage(at_ns, line, number + 1))
    replayed = converter.take()
    for symbol in SYMBOLS:
        live = [row for name, batch in follower.batches if name == symbol for row in batch.tolist()]
        again = replayed[symbol].tolist()
        assert [_essence(row) for row in live if row[6] != 6] == [
            _essence(row) for row in again if row[6] != 6
        ]
    assert {msgspec.json.decode(raw).get("stream", "").partition("@")[2] for raw in raws} >= {
        "depth@100ms", "trade",
    }  # fmt: skip


def _essence(row):
    recv_ns, exch_ns, price, size, _, flags, kind, side = row
    return recv_ns, exch_ns, price, size, flags, kind, side


async def test_an_unknown_symbol_is_named_among_known_ones():
    venue = BinanceVenue(SYMBOLS, 1, SystemClock().now_ns)
    async with venue.serving():
        with pytest.raises(UnknownSymbol, match=r"Binance does not trade NOPE_USDT$"):
            await asyncio.to_thread(binance_source, ["BTC_USDT", "NOPE_USDT"], rest_url=venue.rest_url)


async def test_an_unreachable_binance_is_one_clear_message():
    with pytest.raises(VenueUnavailable, match="other hosts can be given"):
        await asyncio.to_thread(binance_source, SYMBOLS, rest_url="http://127.0.0.1:9")


class TestSession:
    """The U/u rules, message by message, without sockets."""

    @pytest.fixture
    def feed(self):
        venue = BinanceVenue(["BTC_USDT"], 9, lambda: 0)
        [market] = venue.markets.values()
        rules = parse_exchange_info(msgspec.json.encode({"symbols": [market.info()]}), "info")
        return _Feed(market, BinanceSession(rules, rng=random.Random(1)))

    def test_a_snapshot_joins_the_differences_that_were_held(self, feed):
        feed.move()
        snapshot = feed.market.snapshot()
        feed.move()
        assert feed.mirror.state is FeedState.SYNCING
        feed.snapshot(snapshot)
        feed.holds()

    def test_a_snapshot_ahead_of_the_stream_waits_for_nothing(self, feed):
        feed.move()
        lost = feed.market.move(feed.now_ns)
        feed.snapshot(feed.market.snapshot())
        feed.receive(lost)
        feed.move()
        feed.holds()

    def test_a_snapshot_older_than_the_stream_is_asked_for_again(self, feed):
        old = feed.market.snapshot()
        feed.market.move(feed.now_ns)
        feed.move()
        feed.snapshot(old)
        assert feed.mirror.state is FeedState.SYNCING
        assert feed.session.counters["BTC_USDT"].too_old == 1
        feed.pass_time()
        feed.snapshot(feed.market.snapshot())
        feed.holds()

    def test_a_gap_ends_live_at_once_and_a_snapshot_mends_it(self, feed):
        feed.start()
        feed.market.move(feed.now_ns)
        feed.move()
        assert feed.mirror.state is FeedState.SYNCING
        assert feed.session.counters["BTC_USDT"].gaps == 1
        feed.pass_time()
        feed.snapshot(feed.market.snapshot())
        feed.holds()

    def test_a_level_off_the_tick_ends_live_and_asks_for_the_rules(self, feed):
        feed.start()
        message = feed.market.move(feed.now_ns)
        message["data"]["b"] = [["50.00500000", "1.00000000"]]
        feed.receive(message)
        assert feed.mirror.state is FeedState.SYNCING
        assert feed.session.rules_doubted

    def test_a_wrong_level_is_found_by_the_audit(self, feed):
        feed.start()
        book = feed.session._symbols["BTC_USDT"].book
        book.bids[book.bids.keys()[-1]] += 5
        feed.move()
        feed.session.fetched("/api/v3/depth?limit=1000&symbol=BTCUSDT", feed.body(), feed.now_ns)
        assert feed.session.counters["BTC_USDT"].audit_differences == 1
        feed.holds()

    @pytest.mark.parametrize(("side", "beyond"), [("b", -1), ("a", 1)])
    def test_a_book_that_reaches_beyond_its_snapshot_asks_for_another(self, feed, monkeypatch, side, beyond):
        """Deeper levels that never changed are unknown there."""
        monkeypatch.setattr(binance_book, "SNAPSHOT_LEVELS", FULL_LEVELS)
        feed.start()
        book = feed.session._symbols["BTC_USDT"].book
        edge = book.covered_bid if side == "b" else book.covered_ask
        for ticks, fetches in ((edge, 0), (edge + beyond, 1)):
            message = feed.market.move(feed.now_ns)
            message["data"] |= {"b": [], "a": [], side: [[price_text(ticks), "1.00000000"]]}
            feed.receive(message)
            feed.pass_time(3)
            assert len(feed.fetches) == fetches

    def test_a_stream_that_does_not_come_up_to_an_audits_snapshot_has_lost_something(self, feed):
        feed.start()
        feed.market.move(feed.now_ns)
        feed.session.fetched("/api/v3/depth?limit=1000&symbol=BTCUSDT", feed.body(), feed.now_ns)
        feed.pass_time(19)
        assert feed.mirror.state is FeedState.LIVE
        feed.pass_time(1)
        assert feed.mirror.state is FeedState.SYNCING
        assert feed.mirror.last_problem == "the differences up to a snapshot did not come"
        feed.pass_time(3)
        feed.snapshot(feed.market.snapshot())
        feed.holds()

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ('{"error":{"code":2,"msg":"Invalid request"},"id":1}', '{"code":2,"msg":"Invalid request"}'),
            ('{"code":3,"msg":"Too many parameters"}', "Too many parameters"),
        ],
    )
    def test_a_refusal_is_told_and_the_rules_are_doubted(self, feed, answer, told):
        feed.session.receive(answer, feed.now_ns)
        assert feed.session.take_problems() == [f"Binance answered {told}"]
        assert feed.session.rules_doubted

    def test_an_answer_that_all_is_well_is_not(self, feed):
        feed.session.receive('{"result":null,"id":1}', feed.now_ns)
        assert (feed.session.take_problems(), feed.session.rules_doubted) == ([], False)

    def test_a_trade_that_comes_twice_is_one_print(self, feed):
        feed.start()
        first, second, third = (feed.market.trade(1) for _ in range(3))
        for message in (first, third, second, first, third):
            feed.receive(message)
        assert feed.mirror.counters.trades == 3
        assert feed.session.counters["BTC_USDT"].trades_repeated == 2
        feed.session.closed(feed.now_ns, "cut")
        feed.session.opened(feed.now_ns)
        feed.start()
        feed.receive(second)
        assert feed.mirror.counters.trades == 3

    def test_trades_that_never_came_are_counted_and_are_an_outage_that_ends_at_once(self, feed):
        feed.start()
        feed.receive(feed.market.trade(1))
        lost = [feed.market.trade(1) for _ in range(3)]
        feed.session.take_events()
        feed.receive(feed.market.trade(1))
        feed.holds()
        [outage] = feed.session.outages.finished
        first, last = lost[0]["data"]["t"], lost[-1]["data"]["t"]
        assert (outage.why, outage.length_ns) == (f"trades {first} to {last} did not come", 0)
        assert feed.session.outages.trades_lost == 3
        assert feed.session.take_problems() == [
            f"BTC_USDT: trades {first} to {last} did not come; others like them are only counted from now on"
        ]
        [(_, events)] = feed.session.take_events()
        states = events["size_lots"][events["kind"] == Kind.FEED_STATE].tolist()
        assert states == [FeedState.SYNCING, FeedState.LIVE]
        # The trade behind the hole is a print of the market that is known again.
        assert events["kind"][-1] == Kind.TRADE
        feed.market.trade(1)
        feed.receive(feed.market.trade(1))
        assert feed.session.outages.trades_lost == 4
        assert (feed.session.outages.count, feed.session.take_problems()) == (2, [])

    def test_trades_of_a_lost_connection_are_counted_into_its_outage(self, feed):
        feed.start()
        feed.receive(feed.market.trade(1))
        feed.session.closed(feed.now_ns, "cut")
        feed.market.trade(1)
        feed.session.opened(feed.now_ns)
        feed.start()
        feed.receive(feed.market.trade(1))
        assert feed.session.outages.trades_lost == 1
        assert [outage.why for outage in feed.session.outages.finished] == ["cut"]

    def test_a_quiet_market_stays_live_by_snapshots_that_agree(self, feed):
        feed.start()
        for _ in range(120):
            feed.pass_time(1)
            if feed.fetches:
                feed.snapshot(feed.market.snapshot())
            if feed.session.take_frames(feed.now_ns):
                feed.session.receive('{"result":[],"id":99}', feed.now_ns)
            assert feed.mirror.state is FeedState.LIVE
        assert 5 <= feed.fetched <= 12
        assert feed.session.outages.count == 0


class _Feed:
    def __init__(self, market, session):
        self.market, self.session = market, session
        self.mirror = session.mirrors["BTC_USDT"]
        self.now_ns = 1_763_800_000 * 1000 * MS
        self.fetches, self.fetched = [], 0
        session.opened(self.now_ns)
        session.take_frames(self.now_ns)

    def receive(self, message):
        self.now_ns += 100 * MS
        self.session.receive(msgspec.json.encode(message).decode(), self.now_ns)

    def move(self):
        self.receive(self.market.move(self.now_ns))

    def body(self):
        return encode(self.market.snapshot())

    def snapshot(self, snapshot):
        self.fetches, self.fetched = [], self.fetched + 1
        self.session.fetched("/api/v3/depth?limit=1000&symbol=BTCUSDT", encode(snapshot), self.now_ns)

    def start(self):
        self.pass_time(2)
        self.move()
        self.snapshot(self.market.snapshot())
        self.holds()

    def pass_time(self, seconds=5):
        self.now_ns += seconds * 1000 * MS
        assert self.session.next_ns(self.now_ns) < FOREVER_NS
        self.session.tick(self.now_ns)
        self.fetches += self.session.take_fetches()

    def holds(self):
        assert self.mirror.state is FeedState.LIVE
        bids, asks = self.market.book_at[self.market.last_id]
        assert (dict(self.mirror.bids), dict(self.mirror.asks)) == (bids, asks)
