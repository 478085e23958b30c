"""BitMart's official Python SDK 2.8.0 over REST: APISpot, APIAccount, APISystem (protocol reference 9.3).

It hands over BitMart's JSON as it is, so these tests also hold the answers' fields and spellings.
"""

import json
from decimal import Decimal

import pytest
from exchange_thread import ExchangeThread
from money import ClientFill, assert_money

pytest.importorskip("bitmart.api_spot", reason="bitmart-python-sdk-api is not installed (extra `clients`)")
from bitmart.api_account import APIAccount
from bitmart.api_spot import APISpot
from bitmart.api_system import APISystem
from bitmart.lib.cloud_exceptions import APIException

SYMBOL = "BTC_USDT"
FAR_BELOW, FAR_ABOVE = "50000.00", "80000.00"
SIZE = "0.00100"


@pytest.fixture
def spot(exchange, key):
    return APISpot(key.access_key, key.secret, key.memo, url=exchange.url, timeout=(2, 10))


def data(answer):
    """The data of a success."""
    envelope, _ = answer
    assert (envelope["code"], envelope["message"] in ("OK", "success")) == (1000, True), envelope
    assert envelope["trace"]
    return envelope["data"]


def refused(call, *args, **kwargs):
    """(HTTP status, code, message) of a refusal, as the SDK's exception tells it."""
    with pytest.raises(APIException) as caught:
        call(*args, **kwargs)
    envelope = json.loads(caught.value.response)
    return caught.value.status_code, envelope["code"], envelope["message"]


def place(spot, side="buy", type="limit", **fields):
    return data(spot.post_submit_order(SYMBOL, side, type, **fields))["order_id"]


def order(spot, order_id):
    return data(spot.v4_query_order_by_id(order_id, ""))


def fills_of(spot):
    trades = data(spot.v4_query_account_trade_list(SYMBOL))
    assert all(trade["feeCoinName"] == "USDT" for trade in trades)
    return [ClientFill.of(t["side"], t["price"], t["size"], t["fee"]) for t in trades]


class TestMarketData:
    def test_system_time_and_service(self, exchange):
        system = APISystem(url=exchange.url, timeout=(2, 10))
        assert data(system.get_system_time())["server_time"] == exchange.now_ms
        services = data(system.get_system_service())["service"]
        assert {row["service_type"]: row["status"] for row in services}["spot"] == "2"

    def test_currencies_and_symbols(self, spot):
        assert {"BTC", "USDT"} <= {row["id"] for row in data(spot.get_currencies())["currencies"]}
        assert set(data(spot.get_symbols())["symbols"]) == {"BTC_USDT", "ETH_USDT"}
        details = {row["symbol"]: row for row in data(spot.get_symbol_detail())["symbols"]}[SYMBOL]
        assert (details["price_max_precision"], details["trade_status"]) == (2, "trading")
        assert Decimal(details["base_min_size"]) == Decimal(details["quote_increment"]) == Decimal("0.00001")

    def test_ticker_and_tickers_agree(self, exchange, spot):
        ticker = data(spot.get_v3_ticker(SYMBOL))
        assert (Decimal(ticker["bid_px"]), Decimal(ticker["ask_px"])) == exchange.quote()
        row = {row[0]: row for row in data(spot.get_v3_tickers())}[SYMBOL]
        assert row[:12] == [
            ticker[name]
            for name in (
                *("symbol", "last", "v_24h", "qv_24h", "open_24h", "high_24h", "low_24h"),
                *("fluctuation", "bid_px", "bid_sz", "ask_px", "ask_sz"),
            )
        ]

    @pytest.mark.parametrize(("limit", "levels"), [(None, 35), (5, 5), (50, 50)])
    def test_depth(self, exchange, spot, limit, levels):
        book = data(spot.get_v3_depth(SYMBOL, limit))
        assert (len(book["bids"]), len(book["asks"])) == (levels, levels)
        assert (Decimal(book["bids"][0][0]), Decimal(book["asks"][0][0])) == exchange.quote()

    def test_trades_come_newest_first(self, spot):
        rows = data(spot.get_v3_trades(SYMBOL, 20))
        times = [int(row[1]) for row in rows]
        assert len(rows) == 20
        assert times == sorted(times, reverse=True)
        assert {row[4] for row in rows} <= {"buy", "sell"}

    def test_klines_latest_and_history(self, spot):
        for call in (spot.get_v3_latest_kline, spot.get_v3_history_kline):
            opened_s, first, high, low, last, volume, amount = data(call(SYMBOL, step=1, limit=10))[0]
            assert int(opened_s) % 60 == 0
            assert Decimal(low) <= min(Decimal(first), Decimal(last))
            assert max(Decimal(first), Decimal(last)) <= Decimal(high)
            assert Decimal(low) * Decimal(volume) <= Decimal(amount) <= Decimal(high) * Decimal(volume)

    def test_every_answer_tells_how_much_of_the_limit_is_used(self):
        with ExchangeThread(rate_limits="bitmart") as strict:
            spot = APISpot(url=strict.url, timeout=(2, 10))
            _, first = spot.get_v3_ticker(SYMBOL)
            _, second = spot.get_v3_ticker(SYMBOL)
        assert first == {"Remaining": "1", "Limit": "15", "Reset": "2", "Mode": "IP"}
        assert second["Remaining"] == "2"


class TestOrders:
    def test_a_limit_order_rests_is_queried_every_way_and_is_cancelled(self, exchange, key, spot):
        money = exchange.money(key)
        order_id = place(spot, size=SIZE, price=FAR_BELOW, client_order_id="sdk1")
        row = order(spot, order_id)
        assert {name: row[name] for name in row if not name.endswith("Time")} == {
            "orderId": order_id,
            "clientOrderId": "sdk1",
            "symbol": SYMBOL,
            "side": "buy",
            "orderMode": "spot",
            "type": "limit",
            "state": "new",
            "cancelSource": "",
            "stpMode": "none",
            "price": FAR_BELOW,
            "priceAvg": "0.00",
            "size": SIZE,
            "filledSize": "0.00000",
            "notional": "50.00000000",
            "filledNotional": "0.00000000",
        }
        assert data(spot.v4_query_order_by_order_client_id("sdk1", "open")) == row
        assert data(spot.v4_query_open_orders(SYMBOL)) == [row]
        assert data(spot.v4_query_account_orders(SYMBOL)) == []

        assert data(spot.post_cancel_order_by_clientid(SYMBOL, "sdk1")) == {"result": True}
        gone = order(spot, order_id)
        assert (gone["state"], gone["cancelSource"]) == ("canceled", "user")
        assert data(spot.v4_query_account_orders(SYMBOL)) == [gone]
        assert exchange.money(key) == money

    def test_a_crossing_limit_order_is_filled_at_the_markets_price(self, exchange, key, spot):
        money, ask = exchange.money(key), exchange.quote().ask
        order_id = place(spot, size="0.00010", price=str(ask + 5))
        row = order(spot, order_id)
        assert (row["state"], Decimal(row["priceAvg"])) == ("filled", ask)
        (trade,) = data(spot.v4_query_order_trade_list(order_id))
        assert (trade["orderId"], trade["tradeRole"], trade["type"]) == (order_id, "taker", "limit")
        assert Decimal(trade["notional"]) == ask * Decimal("0.0001")
        assert_money(exchange, key, money, fills_of(spot))

    def test_a_limit_maker_that_would_cross_is_cancelled_by_the_system(self, exchange, key, spot):
        money = exchange.money(key)
        resting = place(spot, type="limit_maker", size=SIZE, price=FAR_BELOW)
        crossing = place(spot, type="limit_maker", size=SIZE, price=str(exchange.quote().ask))
        assert order(spot, resting)["state"] == "new"
        row = order(spot, crossing)
        assert (row["state"], row["cancelSource"], row["type"]) == ("canceled", "system", "limit_maker")
        spot.post_cancel_order_by_orderid(SYMBOL, resting)
        assert exchange.money(key) == money

    def test_ioc_takes_and_cancels_the_rest(self, exchange, key, spot):
        money = exchange.money(key)
        row = order(spot, place(spot, type="ioc", size="1.50000", price=str(exchange.quote().ask)))
        assert (row["state"], row["cancelSource"]) == ("partially_canceled", "system")
        assert_money(exchange, key, money, fills_of(spot))

    def test_market_orders_buy_by_notional_and_sell_by_size(self, exchange, key, spot):
        money = exchange.money(key)
        buy = order(spot, place(spot, type="market", notional="250"))
        sell = order(spot, place(spot, "sell", "market", size=SIZE))
        assert buy["state"] in ("filled", "partially_canceled")
        assert Decimal(buy["filledNotional"]) <= Decimal(buy["notional"]) < 250  # the fee is inside
        assert (sell["state"], sell["filledSize"]) == ("filled", SIZE)
        assert_money(exchange, key, money, fills_of(spot))

    def test_ten_orders_in_one_batch_and_cancelled_by_id_by_client_id_and_all_at_once(self, spot):
        rows = [
            {"side": "buy", "type": "limit", "size": SIZE, "price": str(50_000 + n), "clientOrderId": f"b{n}"}
            for n in range(10)
        ]
        ids = data(spot.post_batch_orders(SYMBOL, rows, 5000))["data"]["orderIds"]
        assert len(ids) == 10
        gone = data(spot.post_cancel_orders(SYMBOL, order_ids=[ids[0], "12345"]))
        assert gone == {
            "successIds": [ids[0]],
            "failIds": ["12345"],
            "totalCount": 2,
            "successCount": 1,
            "failedCount": 1,
        }
        assert data(spot.post_cancel_orders(SYMBOL, client_order_ids=["b1"]))["successIds"] == ["b1"]
        assert len(data(spot.v4_query_open_orders(SYMBOL))) == 8
        assert data(spot.post_cancel_all_order(SYMBOL, "buy")) == {}
        assert data(spot.v4_query_open_orders()) == []

    def test_a_self_trade_is_prevented_as_asked(self, exchange):
        rich = exchange.new_account(USDT="100000", BTC="1000")
        spot = APISpot(rich.access_key, rich.secret, rich.memo, url=exchange.url, timeout=(2, 10))
        bid = str(exchange.quote().bid)
        resting = place(spot, size=SIZE, price=bid)
        # More than the market bids at that price, so that the own order's turn comes.
        incoming = place(spot, "sell", "limit", size="900", price=bid, stp_mode="cancel_both")
        rows = order(spot, resting), order(spot, incoming)
        assert [row["cancelSource"] for row in rows] == ["stp", "stp"]
        assert [row["state"] for row in rows] == ["canceled", "partially_canceled"]

    def test_a_resting_order_fills_as_maker_when_the_market_comes(self, exchange, key, spot):
        money = exchange.money(key)
        place(spot, size=SIZE, price=str(exchange.quote().bid))
        for _ in range(60):
            exchange.skip(1)
            if not data(spot.v4_query_open_orders(SYMBOL)):
                break
        assert {row["tradeRole"] for row in data(spot.v4_query_account_trade_list(SYMBOL))} == {"maker"}
        assert_money(exchange, key, money, fills_of(spot))

    def test_wallets_show_what_is_free_and_what_is_frozen(self, exchange, key, spot):
        place(spot, "sell", size=SIZE, price=FAR_ABOVE)
        truth = exchange.money(key)
        account = APIAccount(key.access_key, key.secret, key.memo, url=exchange.url, timeout=(2, 10))
        spot_rows = {row["id"]: row for row in data(spot.get_wallet())["wallet"]}
        funding_rows = {row["currency"]: row for row in data(account.get_wallet("BTC"))["wallet"]}
        for row in (spot_rows["BTC"], funding_rows["BTC"]):
            assert (Decimal(row["available"]), Decimal(row["frozen"])) == truth["BTC"]
        assert Decimal(spot_rows["USDT"]["available"]) == truth["USDT"].available

    def test_fee_rates(self, exchange, key):
        account = APIAccount(key.access_key, key.secret, key.memo, url=exchange.url, timeout=(2, 10))
        assert data(account.get_actual_trade_fee_rate(SYMBOL))["buy_taker_fee_rate"] == "0.0025"
        assert data(account.get_basic_fee_rate())["maker_fee_rate_A"] == "0.0025"


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "side", "type", "fields"),
        [
            (50020, "buy", "limit", {"size": "10", "price": "60000"}),
            (50020, "sell", "market", {"size": "3"}),
            (51011, "buy", "limit", {"size": "0.00001", "price": "60000"}),
            (51012, "buy", "market", {"notional": "4.99"}),
            (51014, "sell", "market", {"size": "0.00001"}),
            (50006, "buy", "limit", {"size": "0.000001", "price": "60000"}),
            (50010, "buy", "limit", {"price": "60000"}),
            (50011, "buy", "limit", {"size": "1"}),
            (50012, "buy", "market", {}),
            (52001, "buy", "fok", {"size": "1", "price": "60000"}),
            (52002, "hold", "limit", {"size": "1", "price": "60000"}),
            (50037, "buy", "limit", {"size": SIZE, "price": "60000", "client_order_id": "x" * 33}),
            (50038, "buy", "limit", {"size": SIZE, "price": "60000", "client_order_id": "a_b"}),
        ],
    )
    def test_a_refused_order_carries_http_400_and_bitmarts_code(
        self, exchange, key, spot, code, side, type, fields
    ):
        money = exchange.money(key)
        assert refused(spot.post_submit_order, SYMBOL, side, type, **fields)[:2] == (400, code)
        assert exchange.money(key) == money

    def test_an_order_for_an_unknown_symbol(self, spot):
        answer = refused(spot.post_submit_order, "NOPE_USDT", "buy", "limit", size="1", price="1")
        assert answer == (400, 50001, "Symbol not found")

    def test_unknown_and_dead_orders(self, spot):
        assert refused(spot.v4_query_order_by_id, "999", "")[:2] == (400, 50005)
        assert refused(spot.post_cancel_order_by_orderid, SYMBOL, "999")[:2] == (400, 50005)
        cancelled = place(spot, size=SIZE, price=FAR_BELOW)
        spot.post_cancel_order_by_orderid(SYMBOL, cancelled)
        assert refused(spot.post_cancel_order_by_orderid, SYMBOL, cancelled)[:2] == (400, 50030)
        filled = place(spot, "sell", "market", size=SIZE)
        assert refused(spot.post_cancel_order_by_orderid, SYMBOL, filled)[:2] == (400, 50031)

    @pytest.mark.parametrize(
        ("field", "code", "text"),
        [
            ("API_KEY", 30002, "Header X-BM-KEY not found"),
            ("SECRET_KEY", 30005, "Header X-BM-SIGN is wrong"),
            ("MEMO", 30005, "Header X-BM-SIGN is wrong"),
        ],
    )
    def test_wrong_credentials(self, spot, field, code, text):
        setattr(spot, field, "wrong")
        assert refused(spot.v4_query_open_orders) == (401, code, text)

    def test_public_errors_come_with_http_200_as_data(self, spot):
        envelope, _ = spot.get_v3_ticker("NOPE_USDT")
        assert (envelope["code"], envelope["message"]) == (70002, "symbol is invalid")


def test_the_sdks_own_example(exchange, key):
    """The README's steps: logger off, place a limit order, query, cancel, with headers of the limit."""
    api = APISpot(
        api_key=key.access_key, secret_key=key.secret, memo=key.memo, url=exchange.url, timeout=(3, 10)
    )
    response, _ = api.post_submit_order(
        symbol=SYMBOL, side="sell", type="limit", size="0.0010", price="105000", client_order_id=""
    )
    assert (response["code"], response["message"]) == (1000, "OK")
    order_id = response["data"]["order_id"]
    assert api.v4_query_order_by_id(order_id, "open")[0]["data"]["clientOrderId"] == order_id
    assert api.post_cancel_order_by_orderid(SYMBOL, order_id)[0]["data"]["result"] is True
