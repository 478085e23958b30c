"""One quoting strategy written in three ways - connector, event strategy, compiled - trades the same."""

from decimal import Decimal

import numpy as np
import pytest
from numba import njit

from paper_bitmart.backtest import fast_desk
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.fast import FastBacktest
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.bitmart.enums import OrderType as VenueType
from paper_bitmart.connector.connector_backtest import ConnectorBacktest
from paper_bitmart.connector.exchange.vocabulary import MarketEvent, OrderType
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.matching.latency import LatencyProfile
from tests.small_market import DEMO, DEMO_RULES

MS = 10**6
EVERY_S, LOTS = 0.5, 100
SYMBOL, PAIR, AMOUNT = "BTC_USDT", "BTC-USDT", Decimal("0.001")
FUNDS = {"BTC": Decimal(1_000), "USDT": Decimal(10**8)}


async def quote_by_connector(exchange):
    while True:
        await exchange.sleep(EVERY_S)
        for order in exchange.limit_orders:
            exchange.cancel(PAIR, order.client_order_id)
        exchange.buy(PAIR, AMOUNT, OrderType.LIMIT_MAKER, exchange.get_price(PAIR, is_buy=False))
        exchange.sell(PAIR, AMOUNT, OrderType.LIMIT_MAKER, exchange.get_price(PAIR, is_buy=True))


class QuoteByEvents(Strategy):
    wake_every_ns = round(EVERY_S * 10**9)

    def on_book(self, desk, symbol):
        desk.cancel_all()
        desk.buy(symbol, desk.best_bid(symbol), LOTS, VenueType.LIMIT_MAKER)
        desk.sell(symbol, desk.best_ask(symbol), LOTS, VenueType.LIMIT_MAKER)


@njit
def quote_compiled(desk, book, memory):
    fast_desk.cancel_all(desk)
    fast_desk.send(desk, fast_desk.BUY, fast_desk.best_bid(book), LOTS, fast_desk.LIMIT_MAKER)
    fast_desk.send(desk, fast_desk.SELL, fast_desk.best_ask(book), LOTS, fast_desk.LIMIT_MAKER)


@pytest.fixture(scope="module")
def market():
    return load_capture(DEMO, DEMO_RULES, [SYMBOL])


@pytest.mark.parametrize("delay_ms", [0, 20])
def test_all_three_ways_have_the_same_orders_and_fills(market, delay_ms):
    latency = LatencyProfile.constant(entry_ns=delay_ms * MS)
    by_connector = ConnectorBacktest(market, quote_by_connector, balances=FUNDS, latency=latency).run()
    by_events = Backtest(market, QuoteByEvents(), latency=latency).run()
    compiled = FastBacktest(
        market, quote_compiled, np.zeros(1), wake_every_ns=QuoteByEvents.wake_every_ns, entry_ns=delay_ms * MS
    ).run()
    assert len(by_events.orders) > 200
    assert len(by_events.fills) > 50
    for other in (by_connector, compiled):
        assert np.array_equal(by_events.orders, other.orders)
        assert np.array_equal(by_events.fills, other.fills)


def test_a_program_that_returns_ends_the_run(market):
    async def once(exchange):
        exchange.buy(PAIR, AMOUNT, OrderType.LIMIT, exchange.get_price(PAIR, is_buy=True))
        await exchange.sleep(1)

    results = ConnectorBacktest(market, once).run()
    assert results.fills["size_lots"].sum() == LOTS
    bought, _ = results.balances["default"]["BTC"]
    assert bought == 1 + AMOUNT


def test_what_a_program_raises_comes_out(market):
    async def broken(exchange):
        await exchange.sleep(1)
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        ConnectorBacktest(market, broken).run()


def test_listeners_hear_of_every_fill(market):
    heard = []

    async def listening(exchange):
        exchange.add_listener(MarketEvent.OrderFilled, heard.append)
        await quote_by_connector(exchange)

    results = ConnectorBacktest(market, listening, balances=FUNDS).run()
    assert sum(event.amount for event in heard) == AMOUNT * int(results.fills["size_lots"].sum()) / LOTS
