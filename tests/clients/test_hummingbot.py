"""Hummingbot 20260922's unmodified BitMart connector; only its URL constants are ours (reference 9.4)."""

import itertools
import time
from decimal import Decimal

import msgspec
import pytest
from exchange_thread import ExchangeThread
from hummingbot_bridge import HummingbotBridge, installed_python
from money import ClientFill, assert_money

SIZE, FAR_BELOW, FAR_ABOVE = "0.00100", "50000.00", "80000.00"
ORDER_TOPIC = "spot/user/order:BTC_USDT"
PATIENCE_S = 30

_names = map("connector{}".format, itertools.count())


@pytest.fixture(scope="module")
def hummingbot():
    bridge = HummingbotBridge(installed_python())
    yield bridge
    bridge.close()


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


@pytest.fixture
def connector(hummingbot, exchange, key):
    """A connector that is ready; what Hummingbot logs as an error meanwhile fails the test."""
    errors = hummingbot.heard("log")
    logged = len(errors)
    running = hummingbot.connector(next(_names), exchange, key)
    eventually(lambda: running.status()["ready"])
    exchange.until_subscribed(key, ORDER_TOPIC)
    yield running
    running.disconnect()
    assert errors[logged:] == []


def fills_of(connector):
    """All fills that the connector told, with their fees in USDT."""
    fills = [data for name, data in connector.heard if name == "OrderFilled"]
    assert all(fee["token"] == "USDT" for fill in fills for fee in fill["trade_fee"])
    return [
        ClientFill.of(f["trade_type"].lower(), f["price"], f["amount"], f["trade_fee"][0]["amount"])
        for f in fills
    ]


class TestMarketData:
    def test_the_rules_are_those_of_the_symbols(self, connector):
        rules = {field: Decimal(value) for field, value in connector.rules()["BTC-USDT"].items()}
        assert rules == {
            "min_order_size": Decimal("0.00001"),
            "min_base_amount_increment": Decimal("0.00001"),
            "min_price_increment": Decimal("0.01"),
            "min_order_value": Decimal(5),
        }

    def test_the_order_book_follows_the_market(self, exchange, connector):
        def shown():
            book = connector.book()
            return Decimal(book["bid"]), Decimal(book["ask"])

        assert connector.book()["levels"] == [50, 50]
        with exchange.moving(speed=4):
            first = shown()
            eventually(lambda: shown() != first)
        with exchange.moving(speed=0.2):  # slow, so that both are seen at the same moment
            eventually(lambda: shown() == exchange.quote())

    def test_trades_and_the_last_price_arrive(self, exchange, connector):
        with exchange.moving(speed=4):
            eventually(lambda: not isinstance(connector.book()["last_trade_price"], type(None)))
        assert Decimal(str(connector.last_price()["BTC-USDT"])) > 0


class TestOrders:
    def test_a_limit_order_is_created_rests_and_is_cancelled(self, exchange, key, connector):
        money = exchange.money(key)
        order_id = connector.place(side="buy", type="LIMIT", amount=SIZE, price=FAR_BELOW)
        created = connector.until("BuyOrderCreated", order_id)
        assert (created["amount"], created["price"]) == (SIZE, FAR_BELOW)
        assert connector.open_orders() == [order_id]
        connector.cancel(order_id=order_id)
        connector.until("OrderCancelled", order_id)
        assert connector.open_orders() == []
        assert exchange.money(key) == money

    def test_a_crossing_limit_order_is_filled_and_completed(self, exchange, key, connector):
        money, ask = exchange.money(key), exchange.quote().ask
        order_id = connector.place(side="buy", type="LIMIT", amount=SIZE, price=str(ask + 5))
        done = connector.until("BuyOrderCompleted", order_id)
        assert Decimal(done["base_asset_amount"]) == Decimal(SIZE)
        assert connector.events_of(order_id) == ["BuyOrderCreated", "OrderFilled", "BuyOrderCompleted"]
        (fill,) = fills_of(connector)
        assert (fill.price, fill.fee) == (ask, cut(ask * Decimal(SIZE) * Decimal("0.0025")))
        assert_money(exchange, key, money, fills_of(connector))

    def test_a_limit_maker_order_rests(self, connector):
        order_id = connector.place(side="sell", type="LIMIT_MAKER", amount=SIZE, price=FAR_ABOVE)
        connector.until("SellOrderCreated", order_id)
        assert connector.open_orders() == [order_id]

    def test_a_limit_maker_order_that_would_cross_is_cancelled_by_the_system(self, exchange, key, connector):
        money = exchange.money(key)
        price = str(exchange.quote().ask)
        order_id = connector.place(side="buy", type="LIMIT_MAKER", amount=SIZE, price=price)
        connector.until("OrderCancelled", order_id)
        assert connector.open_orders() == []
        assert exchange.money(key) == money

    def test_a_market_sell_sells_its_amount(self, exchange, key, connector):
        money = exchange.money(key)
        order_id = connector.place(side="sell", type="MARKET", amount=SIZE, price=None)
        connector.until("SellOrderCompleted", order_id)
        assert sum(fill.size for fill in fills_of(connector)) == Decimal(SIZE)
        assert_money(exchange, key, money, fills_of(connector))

    def test_a_market_buy_spends_the_amount_at_the_last_price_fee_included(self, exchange, key, connector):
        """Hummingbot sends size, price and notional together, and takes partially_canceled for filled."""
        money = exchange.money(key)
        order_id = connector.place(side="buy", type="MARKET", amount="0.00200", price=None)
        connector.until("BuyOrderCompleted", order_id)
        bought = sum(fill.size for fill in fills_of(connector))
        assert Decimal("0.00198") <= bought <= Decimal("0.00200")
        assert_money(exchange, key, money, fills_of(connector))

    def test_a_resting_order_is_filled_when_the_market_comes(self, exchange, key, connector):
        money = exchange.money(key)
        order_id = connector.place(side="buy", type="LIMIT", amount=SIZE, price=str(exchange.quote().bid))
        connector.until("BuyOrderCreated", order_id)
        with exchange.moving(speed=20):
            connector.until("BuyOrderCompleted", order_id)
        assert_money(exchange, key, money, fills_of(connector))

    def test_all_orders_are_cancelled(self, exchange, key, connector):
        money = exchange.money(key)
        ids = [
            connector.place(side=side, type="LIMIT", amount=SIZE, price=price)
            for side, price in (("buy", FAR_BELOW), ("buy", "50001"), ("sell", FAR_ABOVE))
        ]
        for order_id in ids:
            eventually(lambda order_id=order_id: connector.events_of(order_id))
        assert connector.cancel_all() == dict.fromkeys(ids, True)
        assert exchange.money(key) == money

    def test_an_order_that_was_cancelled_elsewhere_is_told(self, exchange, key, connector):
        order_id = connector.place(side="buy", type="LIMIT", amount=SIZE, price=FAR_BELOW)
        connector.until("BuyOrderCreated", order_id)
        exchange.call(exchange.session.cancel_all(key.account))
        connector.until("OrderCancelled", order_id)

    def test_balances_split_into_total_and_available(self, exchange, key, connector):
        order_id = connector.place(side="sell", type="LIMIT", amount=SIZE, price=FAR_ABOVE)
        connector.until("SellOrderCreated", order_id)
        truth = exchange.money(key)
        for asset, shown in connector.balances().items():
            assert Decimal(shown["total"]) == truth[asset].total
            assert Decimal(shown["available"]) == truth[asset].available


class TestErrors:
    @pytest.mark.parametrize(
        ("amount", "price", "code"), [("10", "60000", "50020"), ("0.00001", "60000", "51011")]
    )
    def test_a_refused_order_fails_with_bitmarts_code(self, exchange, key, connector, amount, price, code):
        money = exchange.money(key)
        order_id = connector.place(side="buy", type="LIMIT", amount=amount, price=price)
        failure = connector.until("OrderFailure", order_id)
        assert f'"code":{code}' in failure["error_message"]
        assert connector.open_orders() == []
        assert exchange.money(key) == money

    def test_an_order_below_the_smallest_size_never_leaves_hummingbot(self, connector):
        """It refuses by the rules that the exchange told it."""
        order_id = connector.place(side="buy", type="LIMIT", amount="0.000001", price="60000")
        failure = connector.until("OrderFailure", order_id)
        assert "lower than minimum order size 0.00001" in failure["error_message"]

    def test_a_wrong_secret_keeps_the_user_stream_down_and_says_why(self, hummingbot, exchange, key):
        errors = hummingbot.heard("log")
        wrong = msgspec.structs.replace(key, secret="wrong")
        connector = hummingbot.connector(next(_names), exchange, wrong)
        eventually(lambda: any("91011" in text for _, text in list(errors)))
        connector.disconnect()


def test_a_cut_connection_is_reopened_and_nothing_is_missed(hummingbot, exchange, key):
    connector = hummingbot.connector(next(_names), exchange, key)
    eventually(lambda: connector.status()["ready"])
    exchange.until_subscribed(key, ORDER_TOPIC)
    order_id = connector.place(side="buy", type="LIMIT", amount=SIZE, price=FAR_BELOW)
    connector.until("BuyOrderCreated", order_id)
    exchange.cut_connections()
    exchange.until_subscribed(key, ORDER_TOPIC)
    exchange.call(exchange.session.cancel_all(key.account))
    connector.until("OrderCancelled", order_id)
    connector.disconnect()


def test_hummingbot_stays_within_bitmarts_rate_limits(hummingbot):
    with ExchangeThread(rate_limits="bitmart") as strict:
        key = strict.new_account(USDT="1000")
        errors = hummingbot.heard("log")
        logged = len(errors)
        connector = hummingbot.connector(next(_names), strict, key)
        eventually(lambda: connector.status()["ready"])
        ids = [
            connector.place(side="buy", type="LIMIT", amount=SIZE, price=str(50_000 + n)) for n in range(10)
        ]
        for order_id in ids:
            connector.until("BuyOrderCreated", order_id)
        assert connector.cancel_all() == dict.fromkeys(ids, True)
        connector.disconnect()
        assert errors[logged:] == []


def cut(amount):
    """To the 8 decimals of a fee, toward zero."""
    return amount.quantize(Decimal("1e-8"), rounding="ROUND_DOWN")
