"""ccxt 4.5.70's own bitmart class, over REST; only its base URL is ours (protocol reference 9.1).

ccxt's numbers are binary floats unless told otherwise; `number = str` keeps the wire's digits.
"""

from decimal import Decimal

import pytest
from exchange_thread import ExchangeThread
from money import ClientFill, assert_money

ccxt = pytest.importorskip("ccxt", reason="ccxt is not installed (extra `clients`)")

SYMBOL = "BTC/USDT"
FAR_BELOW, FAR_ABOVE = "50000", "80000"
SIZE = "0.00100"
CENT = Decimal("0.01")


def connect(exchange, key, **options):
    client = ccxt.bitmart(
        {"apiKey": key.access_key, "secret": key.secret, "uid": key.memo, "enableRateLimit": False} | options
    )
    client.urls["api"] = {"spot": exchange.url, "swap": exchange.url}
    client.number = str
    return client


@pytest.fixture
def client(exchange, key):
    return connect(exchange, key)


def fills_of(client):
    """All fills of the account, as ccxt tells them."""
    trades = client.fetch_my_trades(SYMBOL)
    assert all(trade["fee"]["currency"] == "USDT" for trade in trades)
    return [ClientFill.of(t["side"], t["price"], t["amount"], t["fee"]["cost"]) for t in trades]


class TestMarketData:
    def test_markets_carry_the_rules_of_the_symbols(self, client):
        market = client.load_markets()[SYMBOL]
        assert (market["id"], market["active"], market["spot"]) == ("BTC_USDT", True, True)
        assert market["precision"] == {"amount": "0.00001", "price": "0.01"}
        assert Decimal(market["limits"]["amount"]["min"]) == Decimal("0.00001")
        assert Decimal(market["limits"]["cost"]["min"]) == 5

    def test_currencies_can_be_deposited_and_withdrawn_or_not_but_are_known(self, client):
        assert {"BTC", "ETH", "USDT"} <= set(client.fetch_currencies())

    def test_time_is_the_exchanges_and_the_status_is_ok(self, exchange, client):
        assert client.fetch_time() == exchange.now_ms
        assert client.fetch_status()["status"] == "ok"

    def test_the_ticker_shows_the_best_quotes(self, exchange, client):
        ticker, quote = client.fetch_ticker(SYMBOL), exchange.quote()
        assert (Decimal(ticker["bid"]), Decimal(ticker["ask"])) == quote
        assert Decimal(ticker["low"]) <= Decimal(ticker["last"]) <= Decimal(ticker["high"])
        assert Decimal(ticker["baseVolume"]) > 0
        assert ticker["timestamp"] > 0

    def test_all_tickers_are_those_of_the_symbols(self, client):
        tickers = client.fetch_tickers()
        assert set(tickers) == {SYMBOL, "ETH/USDT"}
        assert tickers[SYMBOL]["last"] == client.fetch_ticker(SYMBOL)["last"]

    def test_the_order_book_is_sorted_and_as_deep_as_asked(self, exchange, client):
        book = client.fetch_order_book(SYMBOL, 20)
        bids, asks = ([Decimal(str(level[0])) for level in book[side]] for side in ("bids", "asks"))
        assert (bids[0], asks[0]) == exchange.quote()
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert (len(bids), len(asks)) == (20, 20)

    def test_public_trades_are_sorted_and_priced(self, client):
        trades = client.fetch_trades(SYMBOL, limit=10)
        assert len(trades) == 10
        assert {trade["side"] for trade in trades} <= {"buy", "sell"}
        assert all(
            Decimal(trade["cost"]) == Decimal(trade["price"]) * Decimal(trade["amount"]) for trade in trades
        )
        assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)

    def test_candles_enclose_their_open_and_close(self, client):
        candles = client.fetch_ohlcv(SYMBOL, "1m", limit=5)
        assert candles
        for opened_ms, *prices, volume in candles:
            first, high, low, last = map(Decimal, prices)
            assert opened_ms % 60_000 == 0
            assert low <= min(first, last) <= max(first, last) <= high
            assert Decimal(volume) > 0


class TestOrders:
    def test_a_limit_order_rests_is_found_everywhere_and_is_cancelled(self, exchange, key, client):
        money = exchange.money(key)
        order = client.create_order(SYMBOL, "limit", "buy", SIZE, FAR_BELOW, {"clientOrderId": "rests1"})
        found = client.fetch_order(order["id"], SYMBOL)
        assert (found["status"], found["clientOrderId"], found["type"]) == ("open", "rests1", "limit")
        assert (Decimal(found["price"]), Decimal(found["amount"])) == (Decimal(FAR_BELOW), Decimal(SIZE))
        assert Decimal(found["filled"]) == 0
        assert [row["id"] for row in client.fetch_open_orders(SYMBOL)] == [order["id"]]
        assert client.fetch_order(None, SYMBOL, {"clientOrderId": "rests1"})["id"] == order["id"]
        assert exchange.money(key)["USDT"].frozen == Decimal("50.125")  # 50 and 0.25 % fee

        client.cancel_order(order["id"], SYMBOL)
        assert client.fetch_open_orders(SYMBOL) == []
        assert client.fetch_order(order["id"], SYMBOL)["status"] == "canceled"
        assert exchange.money(key) == money

    def test_a_crossing_limit_order_fills_at_the_ask_as_taker(self, exchange, key, client):
        money, quote = exchange.money(key), exchange.quote()
        order = client.create_order(SYMBOL, "limit", "buy", "0.00010", str(quote.ask + 5))
        done = client.fetch_order(order["id"], SYMBOL)
        assert (done["status"], Decimal(done["average"]), Decimal(done["filled"])) == (
            "closed",
            quote.ask,
            Decimal("0.0001"),
        )
        (trade,) = client.fetch_order_trades(order["id"], SYMBOL)
        assert (trade["takerOrMaker"], Decimal(trade["price"]), trade["order"]) == (
            "taker",
            quote.ask,
            order["id"],
        )
        assert_money(exchange, key, money, fills_of(client))

    def test_a_post_only_order_rests_below_the_ask(self, client):
        order = client.create_order(SYMBOL, "limit", "buy", SIZE, FAR_BELOW, {"postOnly": True})
        found = client.fetch_order(order["id"], SYMBOL)
        assert (found["status"], found["postOnly"], found["timeInForce"]) == ("open", True, "PO")

    def test_a_post_only_order_that_would_cross_is_accepted_and_cancelled_by_the_system(
        self, exchange, key, client
    ):
        money = exchange.money(key)
        price = str(exchange.quote().ask)
        order = client.create_order(SYMBOL, "limit", "buy", SIZE, price, {"postOnly": True})
        found = client.fetch_order(order["id"], SYMBOL)
        assert (found["status"], Decimal(found["filled"])) == ("canceled", 0)
        assert found["info"]["cancelSource"] == "system"
        assert exchange.money(key) == money

    def test_ioc_takes_what_is_there_and_cancels_the_rest(self, exchange, key, client):
        money, ask = exchange.money(key), exchange.quote().ask
        order = client.create_order(SYMBOL, "limit", "buy", "1.5", str(ask), {"timeInForce": "IOC"})
        found = client.fetch_order(order["id"], SYMBOL)
        assert found["timeInForce"] == "IOC"
        assert found["status"] == "canceled"
        assert 0 < Decimal(found["filled"]) < Decimal("1.5")
        assert Decimal(found["average"]) == ask
        assert_money(exchange, key, money, fills_of(client))

    def test_ioc_away_from_the_market_is_cancelled_unfilled(self, exchange, key, client):
        money = exchange.money(key)
        order = client.create_order(SYMBOL, "limit", "buy", SIZE, FAR_BELOW, {"timeInForce": "IOC"})
        assert client.fetch_order(order["id"], SYMBOL)["status"] == "canceled"
        assert exchange.money(key) == money

    def test_a_market_buy_spends_its_cost_fee_included(self, exchange, key, client):
        money = exchange.money(key)
        order = client.create_market_buy_order_with_cost(SYMBOL, 100)
        found = client.fetch_order(order["id"], SYMBOL)
        assert (found["type"], found["side"]) == ("market", "buy")
        spent = money["USDT"].total - exchange.money(key)["USDT"].total
        one_step = exchange.quote().ask * Decimal("0.00001") * 2
        assert 100 - one_step < spent <= 100
        assert_money(exchange, key, money, fills_of(client))

    def test_a_market_buy_by_amount_and_price_is_turned_into_its_cost(self, exchange, key, client):
        money = exchange.money(key)
        client.create_order(SYMBOL, "market", "buy", "0.001", str(exchange.quote().ask))
        bought = exchange.money(key)["BTC"].total - money["BTC"].total
        assert Decimal("0.00099") <= bought <= Decimal("0.001")
        assert_money(exchange, key, money, fills_of(client))

    def test_a_market_sell_sells_its_size(self, exchange, key, client):
        money = exchange.money(key)
        order = client.create_order(SYMBOL, "market", "sell", SIZE)
        found = client.fetch_order(order["id"], SYMBOL)
        assert (found["status"], Decimal(found["filled"])) == ("closed", Decimal(SIZE))
        assert money["BTC"].total - exchange.money(key)["BTC"].total == Decimal(SIZE)
        assert_money(exchange, key, money, fills_of(client))

    def test_a_resting_order_is_filled_by_the_market_as_maker(self, exchange, key, client):
        money = exchange.money(key)
        order = client.create_order(SYMBOL, "limit", "buy", SIZE, str(exchange.quote().bid))
        sell = client.create_order(SYMBOL, "limit", "sell", SIZE, str(exchange.quote().ask))
        for _ in range(60):  # the recording is a minute long and goes both ways
            exchange.skip(1)
            if not client.fetch_open_orders(SYMBOL):
                break
        for placed, side in ((order, "buy"), (sell, "sell")):
            done = client.fetch_order(placed["id"], SYMBOL)
            assert (done["status"], done["side"]) == ("closed", side)
            assert {t["takerOrMaker"] for t in client.fetch_order_trades(placed["id"], SYMBOL)} == {"maker"}
        assert_money(exchange, key, money, fills_of(client))

    def test_many_orders_go_in_one_call_and_are_cancelled_in_one(self, client):
        rows = [
            {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": SIZE, "price": str(50_000 + i)}
            for i in range(3)
        ]
        ids = [order["id"] for order in client.create_orders(rows)]
        assert sorted(row["id"] for row in client.fetch_open_orders(SYMBOL)) == sorted(ids)
        cancelled = client.cancel_orders([*ids[:2], "999"], SYMBOL)
        assert sorted(row["id"] for row in cancelled if row["status"] == "canceled") == sorted(ids[:2])
        assert [row["id"] for row in client.fetch_open_orders(SYMBOL)] == ids[2:]

    def test_all_orders_of_a_symbol_are_cancelled_at_once(self, exchange, key, client):
        money = exchange.money(key)
        client.create_order(SYMBOL, "limit", "buy", SIZE, FAR_BELOW)
        client.create_order(SYMBOL, "limit", "sell", SIZE, FAR_ABOVE)
        client.cancel_all_orders(SYMBOL)
        assert client.fetch_open_orders(SYMBOL) == []
        # ccxt's fetch_closed_orders asks for all that is history, cancelled orders included.
        assert {row["status"] for row in client.fetch_closed_orders(SYMBOL)} == {"canceled"}
        assert exchange.money(key) == money

    def test_a_path_that_bitmart_removed_says_so(self, client):
        """ccxt still asks /spot/v3/orders for cancelled orders (protocol reference, appendix A)."""
        with pytest.raises(ccxt.ExchangeError, match="30031"):
            client.fetch_canceled_orders(SYMBOL)

    def test_closed_orders_and_trades_are_history_newest_last_as_ccxt_sorts(self, client):
        first = client.create_order(SYMBOL, "market", "sell", SIZE)
        second = client.create_order(SYMBOL, "market", "sell", SIZE)
        closed = client.fetch_closed_orders(SYMBOL)
        assert {row["id"] for row in closed} == {first["id"], second["id"]}
        assert {row["order"] for row in client.fetch_my_trades(SYMBOL)} == {first["id"], second["id"]}

    def test_the_balance_splits_into_free_and_used(self, exchange, key, client):
        client.create_order(SYMBOL, "limit", "sell", SIZE, FAR_ABOVE)
        shown, truth = client.fetch_balance(), exchange.money(key)
        for asset in ("BTC", "USDT"):
            assert Decimal(shown[asset]["free"]) == truth[asset].available
            assert Decimal(shown[asset]["used"]) == truth[asset].frozen
            assert Decimal(shown[asset]["total"]) == truth[asset].total

    def test_the_trading_fee_is_the_accounts(self, client):
        fee = client.fetch_trading_fee(SYMBOL)
        assert (Decimal(fee["maker"]), Decimal(fee["taker"])) == (Decimal("0.0025"), Decimal("0.0025"))


class TestErrors:
    """ccxt turns BitMart's codes and texts into its own classes; the account stays as it was."""

    @pytest.mark.parametrize(
        ("expected", "order"),
        [
            ("InsufficientFunds", ("limit", "buy", "10", "60000")),
            ("InsufficientFunds", ("market", "sell", "3")),
            ("InvalidOrder", ("limit", "buy", "0.00001", "60000")),
            ("InvalidOrder", ("market", "sell", "0.00001")),
        ],
    )
    def test_an_order_that_cannot_be_is_refused_by_class(self, exchange, key, client, expected, order):
        money = exchange.money(key)
        with pytest.raises(getattr(ccxt, expected)):
            client.create_order(SYMBOL, *order)
        assert exchange.money(key) == money
        assert client.fetch_open_orders(SYMBOL) == []

    def test_a_market_buy_below_the_minimum_is_an_invalid_order(self, client):
        with pytest.raises(ccxt.InvalidOrder):
            client.create_market_buy_order_with_cost(SYMBOL, 4)

    def test_an_unknown_order_is_order_not_found(self, client):
        for call in (client.fetch_order, client.cancel_order):
            with pytest.raises(ccxt.OrderNotFound):
                call("123456789", SYMBOL)

    def test_a_dead_order_cannot_be_cancelled_again(self, client):
        cancelled = client.create_order(SYMBOL, "limit", "buy", SIZE, FAR_BELOW)["id"]
        client.cancel_order(cancelled, SYMBOL)
        filled = client.create_order(SYMBOL, "market", "sell", SIZE)["id"]
        for dead in (cancelled, filled):
            with pytest.raises(ccxt.OrderNotFound):
                client.cancel_order(dead, SYMBOL)

    def test_an_unknown_symbol_is_a_bad_symbol_on_public_and_private_calls(self, client):
        client.load_markets()
        request = {"symbol": "NOPE_USDT"}
        with pytest.raises(ccxt.BadSymbol):
            client.public_get_spot_quotation_v3_ticker(request)
        with pytest.raises(ccxt.BadSymbol):
            client.private_post_spot_v2_submit_order(
                request | {"side": "buy", "type": "limit", "size": "1", "price": "1"}
            )

    @pytest.mark.parametrize("wrong", ["secret", "uid", "apiKey"])
    def test_a_wrong_credential_is_an_authentication_error(self, exchange, key, wrong):
        stranger = connect(exchange, key, **{wrong: "wrong"})
        with pytest.raises(ccxt.AuthenticationError):
            stranger.fetch_open_orders(SYMBOL)

    def test_a_clock_that_is_off_is_an_authentication_error(self, exchange, key):
        late = connect(exchange, key)
        late.nonce = lambda: ccxt.Exchange.milliseconds() - 120_000
        with pytest.raises(ccxt.AuthenticationError, match="30007"):
            late.create_order(SYMBOL, "limit", "buy", SIZE, FAR_BELOW)

    @pytest.mark.parametrize(
        ("client_id", "code"), [("with-dash", "50038"), ("x" * 33, "50037")], ids=["letters", "length"]
    )
    def test_a_bad_client_order_id_is_a_bad_request(self, client, client_id, code):
        with pytest.raises(ccxt.BadRequest, match=code):
            client.create_order(SYMBOL, "limit", "buy", SIZE, FAR_BELOW, {"clientOrderId": client_id})

    def test_a_client_order_id_is_used_once(self, client):
        client.create_order(SYMBOL, "limit", "buy", SIZE, FAR_BELOW, {"clientOrderId": "once"})
        with pytest.raises(ccxt.BadRequest, match="50042"):
            client.create_order(SYMBOL, "limit", "buy", SIZE, FAR_BELOW, {"clientOrderId": "once"})


@pytest.fixture
def strict():
    """An exchange with BitMart's own rate limits."""
    with ExchangeThread(rate_limits="bitmart") as running:
        yield running


def test_an_unthrottled_client_meets_bitmarts_limits_as_rate_limit_exceeded(strict):
    client = connect(strict, strict.new_account(USDT="1000"))
    client.load_markets()
    client.cancel_all_orders(SYMBOL)
    with pytest.raises(ccxt.RateLimitExceeded):
        client.cancel_all_orders(SYMBOL)  # one in three seconds


def test_a_session_with_ccxts_defaults_runs_from_connection_to_profit_and_loss(strict):
    """As in ccxt's manual: throttled by ccxt itself, floats, unified methods only."""
    key = strict.new_account(USDT="100000", BTC="2")
    client = ccxt.bitmart({"apiKey": key.access_key, "secret": key.secret, "uid": key.memo})
    client.urls["api"] = {"spot": strict.url, "swap": strict.url}
    book = client.fetch_order_book(SYMBOL)
    spread = book["asks"][0][0] - book["bids"][0][0]
    assert spread > 0
    client.create_market_buy_order_with_cost(SYMBOL, 50.0)
    held = round(client.fetch_balance()["BTC"]["free"] - 2, 5)  # floats, so the user rounds
    order = client.create_limit_sell_order(SYMBOL, held, book["asks"][-1][0])
    assert client.fetch_order_status(order["id"], SYMBOL) == "open"
    client.cancel_order(order["id"], SYMBOL)
    client.create_market_sell_order(SYMBOL, held)
    assert len(client.fetch_my_trades(SYMBOL)) >= 2
    assert strict.money(key)["BTC"].total == 2
