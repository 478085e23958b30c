"""BitMart's official Python SDK 2.8.0 over the websocket: SpotSocketClient, threads and all."""

import time
from contextlib import contextmanager
from decimal import Decimal

import pytest

pytest.importorskip("bitmart.api_spot", reason="bitmart-python-sdk-api is not installed (extra `clients`)")
from bitmart.api_spot import APISpot
from bitmart.websocket.spot_socket_client import SpotSocketClient

SYMBOL = "BTC_USDT"
SIZE = "0.00100"
ORDER_TOPIC = "spot/user/order:BTC_USDT"
BALANCE_TOPIC = "spot/user/balance:BALANCE_UPDATE"
PATIENCE_S = 20


class Stream:
    """A connected SDK client and what it was told."""

    def __init__(self, url, key=None, **options):
        self.heard = []
        credentials = {}
        if key is not None:
            credentials = {"api_key": key.access_key, "api_secret_key": key.secret, "api_memo": key.memo}
        self.client = SpotSocketClient(
            stream_url=url, on_message=self.heard.append, ping_interval=0.5, **credentials | options
        )

    def until(self, condition):
        """Wait for a message that fulfils `condition`; it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for message in list(self.heard):
                if condition(message):
                    return message
            time.sleep(0.01)
        raise AssertionError(f"not heard; heard {self.heard[-5:]}")

    def push(self, table, condition=lambda row: True):
        """The first row of `table` that fulfils `condition`."""
        message = self.until(lambda m: m.get("table") == table and condition(m["data"][0]))
        assert len(message["data"]) == 1 or table == "spot/trade"
        return message["data"][0]

    def ack(self, topic, event="subscribe"):
        assert self.until(lambda m: m.get("event") == event and m.get("topic") == topic)


@contextmanager
def streaming(url, key=None, **options):
    stream = Stream(url, key, **options)
    try:
        yield stream
    finally:
        # Its ping timer renews itself for ever and would keep the process alive.
        stream.client.start_send_ping = lambda: None
        stream.client.stop()


@pytest.fixture
def public(exchange):
    with streaming(f"{exchange.ws_url}/api?protocol=1.1") as stream:
        yield stream


@pytest.fixture
def private(exchange, key):
    with streaming(f"{exchange.ws_url}/user?protocol=1.1", key) as stream:
        stream.client.login(timeout=0)
        stream.until(lambda message: message == {"event": "login"})
        yield stream


@pytest.fixture
def spot(exchange, key):
    return APISpot(key.access_key, key.secret, key.memo, url=exchange.url, timeout=(2, 10))


class TestPublicStreams:
    def test_each_topic_is_acknowledged_and_pushed(self, exchange, public):
        channels = ["ticker", "kline1m", "depth5", "depth20", "depth50", "depth/increase100", "bookTicker"]
        topics = [f"spot/{channel}:{SYMBOL}" for channel in channels]
        public.client.subscribe(args=topics)
        for topic in topics:
            public.ack(topic)
        quote = exchange.quote()
        assert Decimal(public.push("spot/ticker")["bid_px"]) == quote.bid
        assert Decimal(public.push("spot/bookTicker")["ask_px"]) == quote.ask
        assert len(public.push("spot/kline1m")["candle"]) == 6
        for depth in (5, 20, 50):
            book = public.push(f"spot/depth{depth}")
            assert (len(book["bids"]), Decimal(book["asks"][0][0])) == (depth, quote.ask)

    def test_increments_follow_their_snapshot_version_by_version(self, exchange, public):
        public.client.subscribe(args=f"spot/depth/increase100:{SYMBOL}")
        with exchange.moving(speed=4):
            public.push("spot/depth/increase100", lambda row: row["type"] == "update" and row["bids"])
            time.sleep(0.5)
        rows = [m["data"][0] for m in public.heard if m.get("table") == "spot/depth/increase100"]
        assert rows[0]["type"] == "snapshot"
        versions = [row["version"] for row in rows]
        assert versions == list(range(versions[0], versions[0] + len(versions)))

    def test_trades_are_pushed_as_they_happen(self, exchange, public):
        public.client.subscribe(args=f"spot/trade:{SYMBOL}")
        public.ack(f"spot/trade:{SYMBOL}")
        with exchange.moving(speed=4):
            trade = public.push("spot/trade")
        assert trade["symbol"] == SYMBOL
        assert trade["s_t"] == trade["ms_t"] // 1000

    def test_an_unsubscribed_topic_is_silent(self, exchange, public):
        topic = f"spot/ticker:{SYMBOL}"
        public.client.subscribe(args=topic)
        public.push("spot/ticker")
        public.client.unsubscribe(args=topic)
        public.ack(topic, "unsubscribe")
        public.heard.clear()
        with exchange.moving(speed=4):
            time.sleep(0.5)
        assert public.heard == []

    def test_text_pings_keep_the_reader_alive(self, public):
        time.sleep(1.2)  # at least two pings and pongs
        public.client.subscribe(args=f"spot/ticker:{SYMBOL}")
        assert public.push("spot/ticker")

    def test_an_unknown_symbol_is_an_error_frame(self, public):
        public.client.subscribe(args="spot/ticker:NOPE_USDT")
        error = public.until(lambda message: "errorCode" in message)
        assert (error["event"], error["errorCode"]) == ("subscribe", "92001")

    def test_after_a_cut_connection_the_client_is_back_with_its_topics(self, exchange, public):
        topic = f"spot/ticker:{SYMBOL}"
        public.client.subscribe(args=topic)
        public.push("spot/ticker")
        public.heard.clear()
        exchange.cut_connections()
        public.ack(topic)
        assert public.push("spot/ticker")


class TestPrivateStreams:
    def test_orders_and_balances_are_pushed_from_acceptance_to_the_last_fill(
        self, exchange, key, private, spot
    ):
        private.client.subscribe(args=[ORDER_TOPIC, BALANCE_TOPIC])
        private.ack(ORDER_TOPIC)
        private.ack(BALANCE_TOPIC)
        before = exchange.money(key)
        ask = exchange.quote().ask
        answer, _ = spot.post_submit_order(SYMBOL, "buy", "limit", size=SIZE, price=str(ask))
        order_id = answer["data"]["order_id"]
        done = private.push("spot/user/order", lambda row: row["order_state"] == "filled")
        assert (done["order_id"], done["state"], done["exec_type"]) == (order_id, "6", "T")
        assert all(isinstance(value, str) for value in done.values())
        rows = [m["data"][0] for m in private.heard if m.get("table") == "spot/user/order"]
        assert rows[0]["order_state"] == "new"

        fees = sum(Decimal(row["dealFee"]) for row in rows if row["order_state"] != "new")
        spent = Decimal(done["filled_notional"]) + fees
        after = exchange.money(key)
        assert before["USDT"].total - after["USDT"].total == spent
        assert after["BTC"].total - before["BTC"].total == Decimal(SIZE)
        for asset in ("USDT", "BTC"):
            assert last_balance(private, asset, after[asset])

    @pytest.mark.parametrize(
        ("price", "type", "state"),
        [("50000", "limit", "8"), ("70000", "limit_maker", "8"), ("50000", "ioc", "8")],
    )
    def test_cancelled_orders_say_so(self, private, spot, price, type, state):
        private.client.subscribe(args=ORDER_TOPIC)
        private.ack(ORDER_TOPIC)
        answer, _ = spot.post_submit_order(SYMBOL, "buy", type, size=SIZE, price=price)
        if type == "limit":
            spot.post_cancel_order_by_orderid(SYMBOL, answer["data"]["order_id"])
        row = private.push("spot/user/order", lambda row: row["order_state"] == "canceled")
        assert (row["state"], row["filled_size"]) == (state, "0.00000")
        assert row["entrust_type"] == {"limit": "normal"}.get(type, type)

    def test_all_symbols_come_on_the_other_topic_under_its_own_table(self, private, spot):
        private.client.subscribe(args="spot/user/orders:ALL_SYMBOLS")
        private.ack("spot/user/orders:ALL_SYMBOLS")
        spot.post_submit_order("BTC_USDT", "buy", "limit", size=SIZE, price="50000")
        assert private.push("spot/user/orders", lambda row: row["symbol"] == "BTC_USDT")

    def test_a_wrong_secret_is_told_and_the_connection_closed(self, exchange, key):
        with streaming(f"{exchange.ws_url}/user?protocol=1.1", key, api_secret_key="wrong") as stream:
            stream.client.login(timeout=0)
            error = stream.until(lambda message: "errorCode" in message)
            assert (error["event"], error["errorCode"]) == ("login", "91011")


def last_balance(stream, asset, expected):
    """Wait for the push that says what the ledger holds in the end."""
    return stream.push(
        "spot/user/balance",
        lambda row: (
            row["balance_details"][0]["ccy"] == asset
            and (Decimal(row["balance_details"][0]["av_bal"]), Decimal(row["balance_details"][0]["fz_bal"]))
            == expected
        ),
    )
