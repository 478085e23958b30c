"""The same quoting strategy, in plain Python and compiled, has the same orders and the same fills."""

import numpy as np
import pytest
from numba import njit

from paper_bitmart.backtest import fast_desk
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.fast import FastBacktest, TooManyOrders
from paper_bitmart.backtest.fast_desk import BUY, IOC, LIMIT, LIMIT_MAKER, SELL
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.tape import ArrayTape, TapeError
from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.matching.latency import LatencyProfile
from tests.backtest.backtest_market import MS, demo, quiet, tape

LOTS, SKEW, TAKE_EVERY = 0, 1, 2
FEES = FeeRates(800, 2000)


@njit
def quote(desk, book, memory):
    """Replace one bid and one ask at the touch, behind it on the side of the inventory; now and then take."""
    fast_desk.cancel_all(desk)
    memory[3] += 1
    bid, ask = fast_desk.best_bid(book), fast_desk.best_ask(book)
    held = fast_desk.position(desk)
    lots = memory[LOTS]
    fast_desk.send(desk, BUY, bid - (memory[SKEW] if held > 0 else 0), lots, LIMIT_MAKER)
    fast_desk.send(desk, SELL, ask + (memory[SKEW] if held < 0 else 0), lots, LIMIT)
    if memory[3] % memory[TAKE_EVERY] == 0 and held != 0:
        fast_desk.send(desk, SELL if held > 0 else BUY, bid if held > 0 else ask, abs(held), IOC)


class Quote(Strategy):
    """The same in plain Python."""

    def __init__(self, lots, skew, take_every):
        self.lots, self.skew, self.take_every, self.count = lots, skew, take_every, 0

    def on_book(self, desk, symbol):
        desk.cancel_all()
        self.count += 1
        bid, ask, held = desk.best_bid(symbol), desk.best_ask(symbol), desk.positions[symbol]
        desk.buy(symbol, bid - (self.skew if held > 0 else 0), self.lots, OrderType.LIMIT_MAKER)
        desk.sell(symbol, ask + (self.skew if held < 0 else 0), self.lots)
        if self.count % self.take_every == 0 and held:
            if held > 0:
                desk.sell(symbol, bid, held, OrderType.IOC)
            else:
                desk.buy(symbol, ask, -held, OrderType.IOC)


@pytest.fixture(scope="module")
def market():
    return demo()


def both(market, symbol, *, numbers=(100, 3, 7), entry_ms=0, cancel_ms=0, response_ms=0):
    delays = {"entry_ns": entry_ms * MS, "cancel_ns": cancel_ms * MS, "response_ns": response_ms * MS}
    plain = Backtest(
        market, Quote(*numbers), symbols=[symbol], latency=LatencyProfile.constant(**delays), fees=FEES
    ).run()
    memory = np.array([*numbers, 0])
    compiled = FastBacktest(market, quote, memory, symbol=symbol, fees=FEES, **delays).run()
    return plain, compiled


def assert_same(plain, compiled):
    for name in plain.orders.dtype.names:
        assert np.array_equal(plain.orders[name], compiled.orders[name]), name
    for name in plain.fills.dtype.names:
        assert np.array_equal(plain.fills[name], compiled.fills[name]), name
    assert (plain.refused, plain.events) == (compiled.refused, compiled.events)


@pytest.mark.parametrize("symbol", ["BTC_USDT", "ETH_USDT"])
@pytest.mark.parametrize(
    "delays",
    [
        {},
        {"entry_ms": 10, "cancel_ms": 10},
        {"entry_ms": 3, "cancel_ms": 40, "response_ms": 17},
        {"response_ms": 250},
    ],
    ids=str,
)
def test_plain_and_compiled_have_the_same_orders_and_fills(market, symbol, delays):
    plain, compiled = both(market, symbol, **delays)
    assert len(plain.fills) > 100
    assert_same(plain, compiled)


def test_large_orders_that_cross_many_levels_are_the_same_too(market):
    plain, compiled = both(market, "ETH_USDT", numbers=(50_000, 1, 2), entry_ms=5, cancel_ms=5)
    assert np.count_nonzero(plain.fills["role"]) > 100
    assert_same(plain, compiled)


def test_chunks_change_nothing(market):
    whole = FastBacktest(market, quote, np.array([100, 3, 7, 0]), symbol="BTC_USDT").run()
    tapes = {"BTC_USDT": ArrayTape(market.rules["BTC_USDT"], market.events["BTC_USDT"], chunk_rows=61)}
    chunked = FastBacktest(tapes, quote, np.array([100, 3, 7, 0])).run()
    assert_same(whole, chunked)


@njit
def flood(desk, book, memory):
    for _ in range(memory[0]):
        fast_desk.send(desk, BUY, 9_000, 10, LIMIT)


def test_more_orders_than_the_desk_holds_end_the_run_with_an_error():
    data = {"BTC_USDT": tape(*(quiet(at) for at in range(1, 3_000, 100)))}
    few = FastBacktest(data, flood, np.array([100])).run()
    assert len(few.orders) == 30 * 100 - 100
    with pytest.raises(TooManyOrders, match="more than 16,384 open orders"):
        FastBacktest(data, flood, np.array([20_000])).run()


def test_one_symbol_must_be_chosen(market):
    with pytest.raises(TapeError, match="plays one symbol"):
        FastBacktest(market, quote, np.array([100, 3, 7, 0]))
    with pytest.raises(ValueError, match="delays must be"):
        FastBacktest(market, quote, np.array([100, 3, 7, 0]), symbol="BTC_USDT", entry_ns=-1)
