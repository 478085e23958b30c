"""The Node client `bitmart-api` 2.5.1, REST and websocket; only its URLs are ours (reference 9.5)."""

import itertools
import time
from decimal import Decimal

import msgspec
import pytest
from exchange_thread import ExchangeThread
from line_bridge import BridgeError
from money import ClientFill, assert_money
from node_bridge import NodeBridge, installed_folder

SYMBOL = "BTC_USDT"
FAR_BELOW, FAR_ABOVE = "50000.00", "80000.00"
SIZE = "0.00100"
ORDER_TOPIC = "spot/user/order:BTC_USDT"
ORDERS_TOPIC = "spot/user/orders:ALL_SYMBOLS"
BALANCE_TOPIC = "spot/user/balance:BALANCE_UPDATE"

_names = map("client{}".format, itertools.count())


@pytest.fixture(scope="module")
def node():
    bridge = NodeBridge(installed_folder())
    yield bridge
    bridge.close()


@pytest.fixture
def rest(node, exchange, key):
    return node.rest(next(_names), exchange.url, key)


@pytest.fixture
def public(node, exchange):
    stream = node.stream(next(_names), f"{exchange.ws_url}/api?protocol=1.1")
    yield stream
    stream.close()


@pytest.fixture
def private(node, exchange, key):
    stream = node.stream(next(_names), f"{exchange.ws_url}/user?protocol=1.1", key)
    yield stream
    stream.close()


def place(rest, **fields):
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit"} | fields
    return rest.submitSpotOrderV2(order)["data"]["order_id"]


def order(rest, order_id):
    return rest.getSpotOrderByIdV4({"orderId": order_id})["data"]


def open_ids(rest):
    return {row["orderId"] for row in rest.getSpotOpenOrdersV4({})["data"]}


def fills_of(rest):
    trades = rest.getSpotAccountTradesV4({"symbol": SYMBOL})["data"]
    return [ClientFill.of(t["side"], t["price"], t["size"], t["fee"]) for t in trades]


def refused(method, *args):
    """(HTTP status, BitMart's code) of what the client threw."""
    with pytest.raises(BridgeError) as caught:
        method(*args)
    error = caught.value.error
    return error["code"], error["body"]["code"]


class TestMarketData:
    def test_time_status_and_currencies(self, exchange, rest):
        assert rest.getSystemTime()["data"]["server_time"] == exchange.now_ms
        assert rest.getSystemStatus()["data"]["service"]
        assert {"BTC", "USDT"} <= {row["id"] for row in rest.getSpotCurrenciesV1()["data"]["currencies"]}
        assert rest.getAccountCurrenciesV1({})["data"]["currencies"]

    def test_pairs_and_their_rules(self, rest):
        assert set(rest.getSpotTradingPairsV1()["data"]["symbols"]) == {"BTC_USDT", "ETH_USDT"}
        details = rest.getSpotTradingPairDetailsV1()["data"]["symbols"]
        assert {row["symbol"]: row["price_max_precision"] for row in details}[SYMBOL] == 2

    def test_quotes_depth_trades_and_candles(self, exchange, rest):
        quote = exchange.quote()
        ticker = rest.getSpotTickerV3({"symbol": SYMBOL})["data"]
        assert (Decimal(ticker["bid_px"]), Decimal(ticker["ask_px"])) == quote
        assert {row[0] for row in rest.getSpotTickersV3()["data"]} == {"BTC_USDT", "ETH_USDT"}
        book = rest.getSpotOrderBookDepthV3({"symbol": SYMBOL, "limit": 10})["data"]
        assert (len(book["bids"]), Decimal(book["bids"][0][0])) == (10, quote.bid)
        assert len(rest.getSpotRecentTrades({"symbol": SYMBOL, "limit": 7})["data"]) == 7
        for method in (rest.getSpotLatestKlineV3, rest.getSpotHistoryKlineV3):
            assert all(len(row) == 7 for row in method({"symbol": SYMBOL, "step": 1})["data"])


class TestOrders:
    def test_a_limit_order_rests_is_found_and_is_cancelled(self, exchange, key, rest):
        money = exchange.money(key)
        order_id = place(rest, size=SIZE, price=FAR_BELOW, client_order_id="node1")
        row = order(rest, order_id)
        assert (row["state"], row["price"], row["size"]) == ("new", FAR_BELOW, SIZE)
        assert rest.getSpotOrderByClientOrderIdV4({"clientOrderId": "node1"})["data"] == row
        assert open_ids(rest) == {order_id}
        cancelled = rest.cancelSpotOrderV3({"symbol": SYMBOL, "client_order_id": "node1"})
        assert cancelled["data"]["result"] is True
        history = rest.getSpotHistoricOrdersV4({"symbol": SYMBOL})["data"]
        assert [(row["orderId"], row["state"]) for row in history] == [(order_id, "canceled")]
        assert exchange.money(key) == money

    def test_all_order_types_and_the_money_they_move(self, exchange, key, rest):
        money, ask = exchange.money(key), str(exchange.quote().ask)
        placed = {
            "limit": place(rest, size=SIZE, price=ask),
            "limit_maker": place(rest, type="limit_maker", size=SIZE, price=ask),
            "ioc": place(rest, type="ioc", size="1.50000", price=ask),
            "market buy": place(rest, type="market", notional="100"),
            "market sell": place(rest, side="sell", type="market", size=SIZE),
        }
        states = {name: order(rest, order_id)["state"] for name, order_id in placed.items()}
        assert states.pop("market buy") in ("filled", "partially_canceled")
        assert states == {
            "limit": "filled",
            "limit_maker": "canceled",
            "ioc": "partially_canceled",
            "market sell": "filled",
        }
        (trade,) = rest.getSpotAccountOrderTradesV4({"orderId": placed["limit"]})["data"]
        assert (trade["tradeRole"], trade["price"]) == ("taker", ask)
        assert_money(exchange, key, money, fills_of(rest))

    def test_a_resting_order_fills_as_maker_when_the_market_comes(self, exchange, key, rest):
        money = exchange.money(key)
        place(rest, side="sell", type="limit_maker", size=SIZE, price=str(exchange.quote().ask))
        for _ in range(60):
            exchange.skip(1)
            if not open_ids(rest):
                break
        assert {row["tradeRole"] for row in rest.getSpotAccountTradesV4({})["data"]} == {"maker"}
        assert_money(exchange, key, money, fills_of(rest))

    def test_a_batch_and_the_ways_to_cancel_it(self, rest):
        rows = [
            {"side": "buy", "type": "limit", "size": SIZE, "price": str(50_000 + n), "clientOrderId": f"n{n}"}
            for n in range(5)
        ]
        batch = rest.submitSpotBatchOrdersV4({"symbol": SYMBOL, "orderParams": rows})
        ids = batch["data"]["data"]["orderIds"]
        gone = rest.cancelSpotBatchOrdersV4({"symbol": SYMBOL, "orderIds": [*ids[:2], "12345"]})["data"]
        assert (gone["successIds"], gone["failIds"]) == (ids[:2], ["12345"])
        rest.cancelSpotBatchOrdersV4({"symbol": SYMBOL, "clientOrderIds": ["n2"]})
        assert open_ids(rest) == set(ids[3:])
        rest.cancelAllSpotOrders({"symbol": SYMBOL})
        assert open_ids(rest) == set()

    def test_balances_and_fees(self, exchange, key, rest):
        place(rest, side="sell", size=SIZE, price=FAR_ABOVE)
        truth = exchange.money(key)["BTC"]
        wallet = {row["id"]: row for row in rest.getSpotWalletBalanceV1()["data"]["wallet"]}["BTC"]
        funding = rest.getAccountBalancesV1({"currency": "BTC"})["data"]["wallet"][0]
        for row in (wallet, funding):
            assert (Decimal(row["available"]), Decimal(row["frozen"])) == truth
        fee = rest.getActualSpotTradeFeeRateV1({"symbol": SYMBOL})["data"]
        assert fee["buy_taker_fee_rate"] == rest.getBasicSpotFeeRateV1()["data"]["taker_fee_rate_A"]


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "fields"),
        [
            (50020, {"size": "10", "price": "60000"}),
            (51011, {"size": "0.00001", "price": "60000"}),
            (50001, {"symbol": "NOPE_USDT", "size": "1", "price": "1"}),
            (52001, {"type": "fok", "size": "1", "price": "60000"}),
        ],
    )
    def test_a_refused_order_is_thrown_with_bitmarts_code(self, exchange, key, rest, code, fields):
        money = exchange.money(key)
        order = {"symbol": SYMBOL, "side": "buy", "type": "limit"} | fields
        assert refused(rest.submitSpotOrderV2, order) == (400, code)
        assert exchange.money(key) == money

    def test_unknown_orders_and_symbols(self, rest):
        assert refused(rest.getSpotOrderByIdV4, {"orderId": "999"}) == (400, 50005)
        assert refused(rest.cancelSpotOrderV3, {"symbol": SYMBOL, "order_id": "999"}) == (400, 50005)
        assert refused(rest.getSpotTickerV3, {"symbol": "NOPE_USDT"}) == (200, 70002)

    def test_a_wrong_secret(self, node, exchange, key):
        stranger = node.rest(next(_names), exchange.url, msgspec.structs.replace(key, secret="wrong"))
        assert refused(stranger.getSpotOpenOrdersV4, {}) == (401, 30005)


class TestStreams:
    def test_public_topics_are_acknowledged_and_pushed(self, exchange, public):
        channels = ["ticker", "kline1m", "depth5", "depth20", "depth50", "depth/increase100"]
        topics = [f"spot/{channel}:{SYMBOL}" for channel in channels]
        public.subscribe(*topics)
        for topic in topics:
            public.until("response", lambda data, topic=topic: data.get("topic") == topic)
        assert Decimal(public.push("spot/ticker")["ask_px"]) == exchange.quote().ask
        for channel in channels[1:]:
            assert public.push(f"spot/{channel}")["symbol"] == SYMBOL

    def test_trades_are_pushed_as_they_happen(self, exchange, public):
        public.subscribe(f"spot/trade:{SYMBOL}")
        public.until("response")
        with exchange.moving(speed=4):
            assert public.push("spot/trade")["side"] in ("buy", "sell")

    def test_orders_and_balances_are_pushed_after_a_login_ahead_of_time(self, exchange, key, rest, private):
        """The client signs a time five seconds ahead."""
        private.subscribe(ORDER_TOPIC, ORDERS_TOPIC, BALANCE_TOPIC)
        private.until("authenticated")
        for topic in (ORDER_TOPIC, ORDERS_TOPIC, BALANCE_TOPIC):
            private.until("response", lambda data, topic=topic: data.get("topic") == topic)
        order_id = place(rest, size=SIZE, price=str(exchange.quote().ask))
        for table in ("spot/user/order", "spot/user/orders"):
            done = private.push(table, lambda row: row["order_state"] == "filled")
            assert (done["order_id"], Decimal(done["filled_size"])) == (order_id, Decimal(SIZE))
        after = exchange.money(key)

        def is_final(row, asset):
            detail = row["balance_details"][0]
            shown = Decimal(detail["av_bal"]), Decimal(detail["fz_bal"])
            return detail["ccy"] == asset and shown == after[asset]

        for asset in ("BTC", "USDT"):
            assert private.push("spot/user/balance", lambda row, asset=asset: is_final(row, asset))

    def test_a_wrong_secret_is_told_in_the_answer_to_the_login(self, node, exchange, key):
        """The client takes any answer to its login for a success; the code says otherwise."""
        wrong = msgspec.structs.replace(key, secret="wrong")
        stream = node.stream(next(_names), f"{exchange.ws_url}/user?protocol=1.1", wrong)
        stream.subscribe(ORDER_TOPIC)
        assert stream.until("authenticated")["errorCode"] == "91011"
        stream.close()

    def test_a_cut_connection_is_reopened_logged_in_and_subscribed_again(self, exchange, key, rest, private):
        private.subscribe(ORDER_TOPIC)
        private.until("response")
        private.heard.clear()
        exchange.cut_connections()
        private.until("reconnected")
        exchange.until_subscribed(key, ORDER_TOPIC)
        order_id = place(rest, size=SIZE, price=FAR_BELOW)
        assert private.push("spot/user/order")["order_id"] == order_id

    def test_pings_are_answered_within_the_clients_second(self, node, exchange):
        stream = node.stream(next(_names), f"{exchange.ws_url}/api?protocol=1.1", pingInterval=200)
        stream.subscribe(f"spot/ticker:{SYMBOL}")
        stream.until("response")
        time.sleep(1.5)
        assert not {"close", "reconnected"} & {name for name, _ in stream.heard}
        stream.close()

    def test_an_unknown_symbol_is_told_in_the_response(self, public):
        public.subscribe("spot/ticker:NOPE_USDT")
        public.until("response", lambda data: data.get("errorCode") == "92001")


def test_one_client_serves_public_and_private_topics_where_the_server_is_lenient(node):
    """Its `wsUrl` replaces both paths, so one client needs a server that takes all topics on either."""
    with ExchangeThread(lenient_topics=True) as lenient:
        key = lenient.new_account(USDT="1000")
        stream = node.stream(next(_names), f"{lenient.ws_url}/user?protocol=1.1", key)
        stream.subscribe(f"spot/ticker:{SYMBOL}", ORDER_TOPIC)
        lenient.until_subscribed(key, ORDER_TOPIC)
        assert stream.push("spot/ticker")["symbol"] == SYMBOL
        place(node.rest(next(_names), lenient.url, key), size=SIZE, price=FAR_BELOW)
        assert stream.push("spot/user/order")["order_state"] == "new"
        stream.close()


def test_the_clients_own_example(exchange, rest):
    """The README's first steps: balances, a limit order, candles (with parameters that BitMart ignores)."""
    assert rest.getAccountBalancesV1()["data"]["wallet"]
    result = rest.submitSpotOrderV2(
        {"symbol": SYMBOL, "side": "buy", "type": "limit", "size": "0.001", "price": "30000"}
    )
    assert (result["code"], result["message"]) == (1000, "OK")
    now_s = int(time.time())
    candles = rest.getSpotHistoryKlineV3({"symbol": SYMBOL, "step": 60, "from": now_s - 3600, "to": now_s})
    assert candles["data"]
