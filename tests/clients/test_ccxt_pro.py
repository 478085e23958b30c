"""ccxt.pro 4.5.70's own bitmart class, over the websocket; only its URLs are ours (protocol reference 9.2).

Its un_watch calls of public topics never return, here as on BitMart: it waits for a name that it never uses.
"""

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
import pytest_asyncio
from money import ClientFill, assert_money

ccxt = pytest.importorskip("ccxt.pro", reason="ccxt is not installed (extra `clients`)")

SYMBOL = "BTC/USDT"
SIZE = "0.00100"
ORDER_TOPIC, ORDERS_TOPIC = "spot/user/order:BTC_USDT", "spot/user/orders:ALL_SYMBOLS"
BALANCE_TOPIC = "spot/user/balance:BALANCE_UPDATE"
PATIENCE_S = 20


def exact(number):
    """ccxt's order books, candles and cached orders hold floats; their shortest text is the wire's number."""
    return Decimal(str(number))


@asynccontextmanager
async def connected(exchange, key, **options):
    client = ccxt.bitmart(
        {"apiKey": key.access_key, "secret": key.secret, "uid": key.memo, "enableRateLimit": False} | options
    )
    client.urls["api"] = {
        "spot": exchange.url,
        "swap": exchange.url,
        "ws": {
            "spot": {
                "public": f"{exchange.ws_url}/api?protocol=1.1",
                "private": f"{exchange.ws_url}/user?protocol=1.1",
            }
        },
    }
    client.number = str
    try:
        yield client
    finally:
        await client.close()


@pytest_asyncio.fixture
async def client(exchange, key):
    async with connected(exchange, key) as running:
        yield running


def soon(awaitable):
    return asyncio.wait_for(awaitable, PATIENCE_S)


def best_levels(book, depth=20):
    """The best levels of a ccxt book: bids, asks, each (price, size)."""
    return tuple(
        [(exact(price), exact(size)) for price, size in book[side][:depth]] for side in ("bids", "asks")
    )


async def subscribed(exchange, key, topic):
    """Wait until the exchange has the subscription: ccxt itself does not tell."""
    await asyncio.to_thread(exchange.until_subscribed, key, topic)


class Listening:
    """Collects what `watch` brings while the test goes on: ccxt only keeps pushes that are awaited."""

    def __init__(self, watch):
        self.seen = []
        self._task = asyncio.create_task(self._listen(watch))

    async def _listen(self, watch):
        while True:
            self.seen.append(await watch())

    async def until(self, condition):
        """Wait for something that fulfils `condition`; it."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = [item for item in self.seen if condition(item)]
                if found:
                    return found[0]
                if self._task.done():
                    self._task.result()
                await asyncio.sleep(0.01)

    async def stop(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class TestPublicStreams:
    async def test_the_ticker_shows_the_quotes(self, exchange, client):
        quote = exchange.quote()
        ticker = await soon(client.watch_ticker(SYMBOL))
        assert (exact(ticker["bid"]), exact(ticker["ask"])) == quote
        assert ticker["timestamp"] > 0
        assert exact(ticker["baseVolume"]) > 0
        assert exact(ticker["quoteVolume"]) > exact(ticker["baseVolume"])

    async def test_tickers_of_several_symbols_come_one_by_one(self, exchange, client):
        symbols = {SYMBOL, "ETH/USDT"}
        seen = set()
        with exchange.moving():
            while seen != symbols:
                seen |= set(await soon(client.watch_tickers(sorted(symbols))))
        assert seen == symbols

    async def test_best_bid_and_ask_are_pushed(self, exchange, client):
        quote = exchange.quote()
        best = (await soon(client.watch_bids_asks([SYMBOL])))[SYMBOL]
        assert (exact(best["bid"]), exact(best["ask"])) == quote

    async def test_the_incremental_book_stays_equal_to_the_markets_while_it_moves(self, exchange, client):
        listening = Listening(lambda: client.watch_order_book(SYMBOL))
        with exchange.moving(speed=4):
            await listening.until(lambda book: True)
            await asyncio.sleep(1)
        with exchange.moving(speed=0.2):  # slow, so that client and market are seen at the same moment
            async with asyncio.timeout(PATIENCE_S):
                while best_levels(client.orderbooks[SYMBOL]) != exchange.levels("BTC_USDT", 20):
                    await asyncio.sleep(0.02)
        await listening.stop()

    @pytest.mark.parametrize("depth", ["depth5", "depth20", "depth50"])
    async def test_whole_books_come_at_each_depth(self, exchange, client, depth):
        client.options["watchOrderBook"] = {"depth": depth}
        quote = exchange.quote()
        book = await soon(client.watch_order_book(SYMBOL))
        assert (exact(book["bids"][0][0]), exact(book["asks"][0][0])) == quote

    async def test_trades_are_pushed_as_they_happen(self, exchange, client):
        watching = asyncio.create_task(client.watch_trades(SYMBOL))
        with exchange.moving(speed=2):
            trades = await soon(watching)
        assert all(trade["symbol"] == SYMBOL for trade in trades)
        assert all(exact(t["cost"]) == exact(t["price"]) * exact(t["amount"]) for t in trades)
        assert {trade["side"] for trade in trades} <= {"buy", "sell"}

    async def test_candles_of_the_minute_are_pushed(self, client):
        candle = (await soon(client.watch_ohlcv(SYMBOL, "1m")))[-1]
        opened_ms, first, high, low, last, volume = map(exact, candle)
        assert opened_ms % 60_000 == 0
        assert low <= min(first, last) <= max(first, last) <= high
        assert volume > 0

    async def test_after_a_cut_connection_the_next_watch_is_connected_again(self, exchange, client):
        await soon(client.watch_ticker(SYMBOL))
        waiting = asyncio.create_task(client.watch_ticker(SYMBOL))
        await asyncio.sleep(0)
        await asyncio.to_thread(exchange.cut_connections)
        with pytest.raises(ccxt.NetworkError):
            await soon(waiting)
        quote = exchange.quote()
        assert exact((await soon(client.watch_ticker(SYMBOL)))["ask"]) == quote.ask

    async def test_a_subscription_to_a_symbol_that_is_unknown_is_an_exchange_error(self, client):
        await client.load_markets()
        client.markets["NOPE/USDT"] = client.markets[SYMBOL] | {"id": "NOPE_USDT", "symbol": "NOPE/USDT"}
        client.markets_by_id["NOPE_USDT"] = [client.markets["NOPE/USDT"]]
        with pytest.raises(ccxt.ExchangeError, match="92001"):
            await soon(client.watch_ticker("NOPE/USDT"))


class TestPrivateStreams:
    @pytest.mark.parametrize(("symbol", "topic"), [(SYMBOL, ORDER_TOPIC), (None, ORDERS_TOPIC)])
    async def test_an_order_is_told_when_it_rests_and_when_it_is_cancelled(
        self, exchange, key, client, symbol, topic
    ):
        orders = Listening(lambda: client.watch_orders(symbol))
        await subscribed(exchange, key, topic)
        placed = await client.create_order(SYMBOL, "limit", "buy", SIZE, "50000")
        new = await orders.until(lambda rows: rows[-1]["id"] == placed["id"])
        assert (new[-1]["status"], new[-1]["type"], new[-1]["side"]) == ("open", "limit", "buy")
        assert exact(new[-1]["price"]) == 50000
        await client.cancel_order(placed["id"], SYMBOL)
        gone = await orders.until(lambda rows: rows[-1]["status"] == "canceled")
        assert gone[-1]["id"] == placed["id"]
        await orders.stop()

    async def test_orders_that_are_no_longer_watched_can_be_watched_again(self, exchange, key, client):
        first = Listening(lambda: client.watch_orders(SYMBOL))
        await subscribed(exchange, key, ORDER_TOPIC)
        await first.stop()
        await soon(client.un_watch_orders(SYMBOL))
        again = Listening(lambda: client.watch_orders(SYMBOL))
        await subscribed(exchange, key, ORDER_TOPIC)
        placed = await client.create_order(SYMBOL, "limit", "buy", SIZE, "50000")
        await again.until(lambda rows: rows[-1]["id"] == placed["id"])
        await again.stop()

    async def test_a_fill_is_told_with_what_was_filled(self, exchange, key, client):
        money = exchange.money(key)
        orders = Listening(lambda: client.watch_orders(SYMBOL))
        await subscribed(exchange, key, ORDER_TOPIC)
        placed = await client.create_order(SYMBOL, "limit", "buy", SIZE, str(exchange.quote().ask))
        done = await orders.until(lambda rows: rows[-1]["status"] == "closed")
        assert (done[-1]["id"], exact(done[-1]["filled"])) == (placed["id"], Decimal(SIZE))
        await orders.stop()
        trades = await client.fetch_my_trades(SYMBOL)
        fills = [ClientFill.of(t["side"], t["price"], t["amount"], t["fee"]["cost"]) for t in trades]
        assert_money(exchange, key, money, fills)

    async def test_balances_are_told_as_they_change_currency_by_currency(self, exchange, key, client):
        balances = Listening(client.watch_balance)
        await subscribed(exchange, key, BALANCE_TOPIC)
        await client.create_order(SYMBOL, "market", "sell", SIZE)
        truth = exchange.money(key)

        def is_settled(balance):
            shown = {asset: balance.get(asset) for asset in ("BTC", "USDT")}
            return all(
                row
                and exact(row["free"]) == truth[asset].available
                and exact(row["used"]) == truth[asset].frozen
                for asset, row in shown.items()
            )

        await balances.until(is_settled)
        await balances.stop()

    async def test_a_wrong_secret_is_an_error_and_not_a_silent_stream(self, exchange, key):
        async with connected(exchange, key, secret="wrong") as stranger:
            with pytest.raises(ccxt.ExchangeError, match="91011"):
                await soon(stranger.watch_orders(SYMBOL))


async def test_a_market_maker_follows_the_book_and_its_own_orders(exchange, key, client):
    """As in ccxt.pro's examples: one loop over the book, one over the orders, quotes on both sides."""
    orders = Listening(lambda: client.watch_orders(SYMBOL))
    await subscribed(exchange, key, ORDER_TOPIC)
    book = await soon(client.watch_order_book(SYMBOL))
    bid, ask = (str(book[side][0][0]) for side in ("bids", "asks"))
    await client.create_order(SYMBOL, "limit", "buy", SIZE, bid, {"postOnly": True})
    await client.create_order(SYMBOL, "limit", "sell", SIZE, ask, {"postOnly": True})
    with exchange.moving(speed=20):
        for side in ("buy", "sell"):
            await orders.until(
                lambda rows, side=side: rows[-1]["side"] == side and rows[-1]["status"] == "closed"
            )
    await orders.stop()
    assert await client.fetch_open_orders(SYMBOL) == []
    assert exchange.money(key)["BTC"].total == 2
    exchange.check()
