"""Public topics: what is pushed, when by the market's clock, and that every client's book stays true."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sortedcontainers import SortedDict
from test_ws_private import NEW
from ws_support import MS, START_NS, Recorder, SessionFake, depth, events, snapshot, trades

from paper_bitmart.bitmart.topics import parse_topic
from paper_bitmart.exchange.events import OrderAccepted
from paper_bitmart.feed.events import ASK, Kind
from paper_bitmart.server.book_view import BookView
from paper_bitmart.server.settings import BookMode
from paper_bitmart.server.ws_publisher import Publisher
from paper_bitmart.server.ws_push import PushEncoder

BUY, SELL = 0, 1
BOOK = {"bids": {250136: 32110, 250130: 74400}, "asks": {250138: 9050, 250140: 20000}}


class Market:
    """A publisher on a market by hand; `at` is ms since its start."""

    def __init__(self, *symbols, compress=True):
        self.session = SessionFake(*symbols)
        encoder = PushEncoder(compress=compress)
        self.publisher = Publisher(self.session.views, BookView(self.session), encoder)
        self.session.on_market(lambda symbol, new: self.publisher.market(symbol, new, self.now_ns))
        self.now_ns = START_NS

    def at(self, ms):
        self.now_ns = START_NS + ms * MS
        return self.publisher.advance(self.now_ns)

    def emit(self, make, *args, symbol="ETH_USDT", **kwargs):
        self.session.emit(make(self.now_ns, *args, **kwargs), symbol)

    def join(self, topic, listener=None):
        listener = listener or Recorder()
        self.publisher.subscribe(listener, parse_topic(topic), "", self.now_ns)
        return listener


@pytest.fixture
def market():
    market = Market()
    market.emit(snapshot, **BOOK)
    return market


def test_the_ticker_begins_with_the_current_state_in_bitmarts_fields(market):
    market.emit(trades, (SELL, 250000, 10000), (BUY, 250137, 420))
    assert market.join("spot/ticker:ETH_USDT").take() == [
        {
            "table": "spot/ticker",
            "data": [
                {
                    "symbol": "ETH_USDT",
                    "last_price": "2501.37",
                    "open_24h": "2500.00",
                    "high_24h": "2501.37",
                    "low_24h": "2500.00",
                    "base_volume_24h": "1.0420",
                    "quote_volume_24h": "2605.05754000",
                    "fluctuation": "0.00054",
                    "bid_px": "2501.36",
                    "bid_sz": "3.2110",
                    "ask_px": "2501.38",
                    "ask_sz": "0.9050",
                    "ms_t": 1763800000000,
                    "s_t": 1763800000,
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda market: market.emit(trades, (BUY, 250138, 1)),
        lambda market: market.emit(depth, bids={250137: 1}),
        lambda market: market.emit(depth, asks={250138: 0}),
    ],
    ids=["last", "bid", "ask"],
)
def test_the_ticker_is_pushed_when_last_bid_or_ask_price_changes_half_a_second_apart(market, change):
    market.emit(trades, (BUY, 250137, 420))
    listener = market.join("spot/ticker:ETH_USDT")
    listener.take()
    market.at(499)
    change(market)
    assert listener.take() == []
    assert market.at(499) == START_NS + 500 * MS
    market.at(500)
    assert len(listener.take()) == 1


def test_the_ticker_is_not_pushed_for_a_change_of_size_alone(market):
    market.emit(trades, (BUY, 250137, 420))
    listener = market.join("spot/ticker:ETH_USDT")
    listener.take()
    market.emit(depth, bids={250136: 5})
    market.at(2000)
    assert listener.take() == []


def test_before_the_first_trade_there_is_no_ticker_and_then_there_is(market):
    listener = market.join("spot/ticker:ETH_USDT")
    assert listener.take() == []
    market.emit(trades, (BUY, 250137, 420))
    assert [push["data"][0]["last_price"] for push in listener.take()] == ["2501.37"]


def test_who_waited_for_the_first_ticker_gets_it_though_another_joined_first():
    market = Market()
    market.emit(snapshot, **BOOK)
    waits = market.join("spot/ticker:ETH_USDT")
    first_half = trades(START_NS, (BUY, 250137, 420), (BUY, 250137, 1))
    market.session.emit(first_half[:1])  # in the middle of a source message: not published yet
    joins = market.join("spot/ticker:ETH_USDT")
    market.session.emit(first_half[1:])
    market.at(500)
    assert (len(waits.take()), len(joins.take())) == (1, 2)


def test_a_kline_push_has_one_candle_of_six_without_quote_volume(market):
    market.at(1000)
    market.emit(trades, (BUY, 250137, 420))
    assert market.join("spot/kline1m:ETH_USDT").take() == [
        {
            "table": "spot/kline1m",
            "data": [
                {
                    "symbol": "ETH_USDT",
                    "candle": [1763799960, "2501.37", "2501.37", "2501.37", "2501.37", "0.0420"],
                }
            ],
        }
    ]


def test_the_last_change_of_a_closed_candle_is_pushed_before_the_new_candle(market):
    market.emit(trades, (BUY, 250000, 10000))
    listener = market.join("spot/kline1m:ETH_USDT")
    listener.take()
    minute_end_ms = 20_000  # START is 40 s into its minute
    for ms, price_ticks in ((-200, 250100), (-100, 250200), (100, 250300)):
        market.at(minute_end_ms + ms)
        market.emit(trades, (BUY, price_ticks, 10000))
    market.at(minute_end_ms + 300)
    candles = [push["data"][0]["candle"] for push in listener.take()]
    assert [(candle[0], candle[4]) for candle in candles] == [
        (1763799960, "2501.00"),
        (1763799960, "2502.00"),
        (1763800020, "2503.00"),
    ]


@pytest.mark.parametrize("count", [5, 20, 50])
def test_a_full_book_is_pushed_whole_every_half_second_while_it_changes(market, count):
    market.emit(
        snapshot, bids={250000 - n: n + 1 for n in range(60)}, asks={250001 + n: n + 1 for n in range(60)}
    )
    listener = market.join(f"spot/depth{count}:ETH_USDT")
    (first,) = listener.take()
    assert first["table"] == f"spot/depth{count}"
    assert list(first["data"][0]) == ["symbol", "asks", "bids", "ms_t"]
    for side in ("bids", "asks"):
        assert len(first["data"][0][side]) == count
    assert first["data"][0]["bids"][:2] == [["2500.00", "0.0001"], ["2499.99", "0.0002"]]
    assert first["data"][0]["asks"][:2] == [["2500.01", "0.0001"], ["2500.02", "0.0002"]]
    for ms in (100, 200, 300, 400, 499):
        market.at(ms)
        market.emit(depth, bids={250000: ms})
    assert listener.take() == []
    market.at(500)
    (second,) = listener.take()
    assert second["data"][0]["bids"][0] == ["2500.00", "0.0499"]
    assert second["data"][0]["ms_t"] > first["data"][0]["ms_t"]
    market.at(1500)
    assert listener.take() == []


def test_a_change_below_the_levels_shown_is_no_push(market):
    market.emit(snapshot, bids={250000 - n: 1 for n in range(60)}, asks={250001: 1})
    listener = market.join("spot/depth5:ETH_USDT")
    listener.take()
    market.emit(depth, bids={250000 - 10: 7})
    market.at(1000)
    assert listener.take() == []


def test_full_books_have_rising_times_even_when_the_source_repeats_its_own(market):
    listener = market.join("spot/depth50:ETH_USDT")
    for step in range(1, 5):
        market.session.emit(depth(START_NS, bids={250136: step}))
        market.at(step * 500)
    times = [push["data"][0]["ms_t"] for push in listener.take()]
    assert len(times) == 5
    assert all(later > earlier for earlier, later in pairwise(times))


def test_a_late_subscriber_sees_what_the_others_saw_last_and_shares_its_bytes(market):
    early = market.join("spot/depth5:ETH_USDT")
    market.emit(depth, bids={250136: 1})
    late = market.join("spot/depth5:ETH_USDT")
    assert late.frames[0] is early.frames[0]
    market.at(500)
    assert late.frames[1] is early.frames[1]


def test_trades_are_pushed_at_once_in_order_with_both_times_and_no_id(market):
    listener = market.join("spot/trade:ETH_USDT")
    assert listener.take() == []
    market.at(998)
    market.emit(trades, (SELL, 250137, 420), (BUY, 250138, 11000))
    assert listener.take() == [
        {
            "table": "spot/trade",
            "data": [
                {
                    "symbol": "ETH_USDT",
                    "price": "2501.37",
                    "size": "0.0420",
                    "side": "sell",
                    "s_t": 1763800000,
                    "ms_t": 1763800000998,
                    "m": True,
                },
                {
                    "symbol": "ETH_USDT",
                    "price": "2501.38",
                    "size": "1.1000",
                    "side": "buy",
                    "s_t": 1763800000,
                    "ms_t": 1763800000998,
                    "m": False,
                },
            ],
        }
    ]


def test_very_many_trades_at_once_are_cut_into_several_pushes_and_none_is_lost(market):
    listener = market.join("spot/trade:ETH_USDT")
    market.emit(trades, *((BUY, 250000 + n, 1) for n in range(250)))
    pushes = listener.take()
    assert [len(push["data"]) for push in pushes] == [100, 100, 50]
    prices = [row["price"] for push in pushes for row in push["data"]]
    assert prices == sorted(prices)


def test_the_book_ticker_tells_every_change_of_a_best_level_at_once(market):
    listener = market.join("spot/bookTicker:ETH_USDT")
    assert listener.take() == [
        {
            "table": "spot/bookTicker",
            "data": [
                {
                    "symbol": "ETH_USDT",
                    "bid_px": "2501.36",
                    "bid_sz": "3.2110",
                    "ask_px": "2501.38",
                    "ask_sz": "0.9050",
                    "ms_t": 1763800000000,
                }
            ],
        }
    ]
    market.at(1)
    market.emit(depth, bids={250136: 1})
    market.at(2)
    market.emit(events, (Kind.BBO, ASK, 250139, 5))
    market.at(3)
    market.emit(depth, bids={250130: 1})
    seen = [(push["data"][0]["bid_sz"], push["data"][0]["ask_px"]) for push in listener.take()]
    assert seen == [("0.0001", "2501.38"), ("0.0001", "2501.39"), ("0.0001", "2501.38")]


def test_increase100_begins_with_a_snapshot_in_bitmarts_fields(market):
    (push,) = market.join("spot/depth/increase100:ETH_USDT").take()
    assert push["table"] == "spot/depth/increase100"
    (row,) = push["data"]
    assert isinstance(row.pop("version"), int)
    assert row == {
        "symbol": "ETH_USDT",
        "asks": [["2501.38", "0.9050"], ["2501.40", "2.0000"]],
        "bids": [["2501.36", "3.2110"], ["2501.30", "7.4400"]],
        "ms_t": 1763800000000,
        "type": "snapshot",
    }


def test_increase100_gathers_the_changes_of_100_ms_into_one_update(market):
    listener = market.join("spot/depth/increase100:ETH_USDT")
    market.emit(depth, bids={250136: 1})
    version = listener.take()[-1]["data"][0]["version"]
    market.at(50)
    market.emit(depth, asks={250138: 0})
    market.emit(depth, bids={250137: 5000})
    assert listener.take() == []
    assert market.at(99) == START_NS + 100 * MS
    market.at(100)
    (push,) = listener.take()
    assert push["data"] == [
        {
            "symbol": "ETH_USDT",
            "asks": [["2501.38", "0"]],
            "bids": [["2501.37", "0.5000"]],
            "ms_t": 1763800000050,
            "type": "update",
            "version": version + 1,
        }
    ]


def test_a_quiet_increase100_topic_repeats_its_version_every_ten_seconds(market):
    listener = market.join("spot/depth/increase100:ETH_USDT")
    version = listener.take()[0]["data"][0]["version"]
    for second in range(1, 31):
        market.at(second * 1000)
    rows = [push["data"][0] for push in listener.take()]
    assert [(row["type"], row["version"], row["bids"], row["asks"]) for row in rows] == [
        ("update", version, [], [])
    ] * 3


def test_a_requested_snapshot_is_followed_by_the_next_version(market):
    listener = market.join("spot/depth/increase100:ETH_USDT")
    for step in range(1, 4):
        market.at(step * 100)
        market.emit(depth, bids={250136: step})
    listener.take()
    market.at(310)
    market.emit(depth, bids={250136: 99})
    listener.push(market.publisher.snapshot(parse_topic("spot/depth/increase100:ETH_USDT")))
    market.at(400)
    requested, update = (push["data"][0] for push in listener.take())
    assert requested["type"] == "snapshot"
    assert requested["bids"][0] == ["2501.36", "0.0003"]
    assert update["version"] == requested["version"] + 1


def test_a_snapshot_can_be_requested_by_one_who_does_not_listen(market):
    topic = parse_topic("spot/depth/increase100:ETH_USDT")
    before = market.publisher.snapshot(topic)
    market.emit(depth, bids={250136: 5})
    assert market.publisher.snapshot(topic).data != before.data


def test_after_everybody_left_the_next_listener_begins_with_the_book_of_now(market):
    topic = "spot/depth/increase100:ETH_USDT"
    gone = market.join(topic)
    market.publisher.unsubscribe(gone, parse_topic(topic), "")
    market.emit(depth, bids={250136: 0, 250137: 5})
    market.at(5000)
    assert len(gone.frames) == 1
    (push,) = market.join(topic).take()
    assert push["data"][0]["bids"] == [["2501.37", "0.0005"], ["2501.30", "7.4400"]]


def test_who_left_hears_nothing_and_the_others_go_on(market):
    stays, leaves = market.join("spot/trade:ETH_USDT"), market.join("spot/trade:ETH_USDT")
    market.publisher.unsubscribe(leaves, parse_topic("spot/trade:ETH_USDT"), "")
    market.emit(trades, (BUY, 250137, 1))
    assert (len(stays.frames), len(leaves.frames)) == (1, 0)


def test_nothing_is_published_of_a_book_in_the_middle_of_a_source_message(market):
    listener = market.join("spot/depth/increase100:ETH_USDT")
    listener.take()
    message = depth(START_NS, bids={250136: 0, 250135: 1}, asks={250138: 0})
    market.at(100)
    market.session.emit(message[:2])
    market.at(200)
    assert listener.take() == []
    market.session.emit(message[2:])
    (push,) = listener.take()
    assert (len(push["data"][0]["bids"]), len(push["data"][0]["asks"])) == (2, 1)


def test_a_merged_book_shows_own_orders_alike_in_every_topic():
    session = SessionFake()
    books = BookView(session, BookMode.MERGED, "alice")
    publisher = Publisher(session.views, books, PushEncoder())
    books.on_change(lambda *place: publisher.own_book(*place, START_NS))
    session.emit(snapshot(START_NS, **BOOK))
    listeners = {name: Recorder() for name in ("depth5", "depth/increase100", "bookTicker", "ticker")}
    session.emit(trades(START_NS, (BUY, 250138, 1)))
    for name, listener in listeners.items():
        publisher.subscribe(listener, parse_topic(f"spot/{name}:ETH_USDT"), "", START_NS)
        listener.take()
    session.tell(OrderAccepted(seq=1, at_ns=START_NS, order=replace(NEW, price_ticks=250137, size_lots=50)))
    publisher.advance(START_NS + 500 * MS)
    rows = {name: listener.take()[0]["data"][0] for name, listener in listeners.items()}
    assert rows["depth5"]["bids"][:2] == [["2501.37", "0.0050"], ["2501.36", "3.2110"]]
    assert rows["depth/increase100"]["bids"] == [["2501.37", "0.0050"]]
    for name in ("bookTicker", "ticker"):
        assert (rows[name]["bid_px"], rows[name]["bid_sz"]) == ("2501.37", "0.0050")


def test_symbols_are_published_apart():
    market = Market("ETH_USDT", "BTC_USDT")
    market.emit(snapshot, **BOOK)
    market.emit(snapshot, symbol="BTC_USDT", bids={6000000: 1}, asks={6000100: 1})
    ethereum, bitcoin = market.join("spot/depth5:ETH_USDT"), market.join("spot/depth5:BTC_USDT")
    market.at(500)
    market.emit(depth, symbol="BTC_USDT", bids={6000000: 2})
    assert (len(ethereum.take()), len(bitcoin.take())) == (1, 2)


def test_a_thousand_listeners_share_one_encoding_of_each_push(market):
    listeners = [market.join("spot/depth/increase100:ETH_USDT") for _ in range(1000)]
    market.emit(depth, bids={250136: 1})
    market.at(100)
    for ordinal in (0, 1):
        assert len({id(listener.frames[ordinal].data) for listener in listeners}) == 1


def test_uncompressed_pushes_are_text_frames():
    market = Market(compress=False)
    market.emit(snapshot, **BOOK)
    (frame,) = market.join("spot/depth5:ETH_USDT").frames
    assert frame.data.startswith(b'{"table":"spot/depth5","data":[{"symbol":"ETH_USDT"')


def ticks_of(price):
    return int(price.replace(".", ""))


class BlindClient:
    """Keeps a book from increase100 as ccxt does: snapshots replace, updates are applied without a look."""

    def __init__(self):
        self.sides = {"bids": SortedDict(), "asks": SortedDict()}
        self.version = None

    def apply(self, row):
        if row["type"] == "snapshot":
            self.sides = {"bids": SortedDict(), "asks": SortedDict()}
        else:
            keeps_alive = not row["bids"] and not row["asks"]
            assert row["version"] == self.version + (not keeps_alive)
        self.version = row["version"]
        for name, side in self.sides.items():
            for price, size in row[name]:
                if size == "0":
                    side.pop(ticks_of(price), None)
                else:
                    side[ticks_of(price)] = [price, size]

    def best(self, name, count):
        rows = list(self.sides[name].values())
        return rows[::-1][:count] if name == "bids" else rows[:count]


level = st.tuples(st.integers(1, 130), st.integers(0, 2))
step = st.tuples(
    st.lists(level, max_size=40), st.lists(level, max_size=40), st.sampled_from([0, 30, 100, 500])
)


@given(st.lists(step, min_size=1, max_size=15), st.data())
def test_a_replayed_increase100_stream_equals_depth50_and_the_rest_book_at_the_same_time(steps, data):
    market = Market()
    market.emit(
        snapshot,
        bids={100000 - n: 1 for n in range(120)},
        asks={100001 + n: 1 for n in range(120)},
    )
    topic = "spot/depth/increase100:ETH_USDT"
    clients = [(market.join(topic), BlindClient())]
    now_ms = 0
    for bids, asks, pause_ms in steps:
        if bids or asks:
            new_bids = {100001 - n: lots for n, lots in bids}
            market.emit(depth, bids=new_bids, asks={100000 + n: lots for n, lots in asks})
        if data.draw(st.booleans()):
            clients.append((market.join(topic), BlindClient()))
        now_ms += pause_ms
        market.at(now_ms)
    now_ms += 500
    market.at(now_ms)
    (full,) = market.join("spot/depth50:ETH_USDT").take()
    bids, asks = market.session.views["ETH_USDT"].depth(100)
    for recorder, client in clients:
        for push in recorder.take():
            client.apply(push["data"][0])
        for name in ("bids", "asks"):
            assert client.best(name, 50) == full["data"][0][name]
        for name, levels in (("bids", bids), ("asks", asks)):
            assert [ticks_of(price) for price, _ in client.best(name, 100)] == [ticks for ticks, _ in levels]
