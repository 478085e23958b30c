"""The same quoting strategy, in plain Python and compiled, has the same orders and the same fills."""

import numpy as np
import pytest
from numba import njit

from paper_bitmart.backtest import fast_desk
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.fast import FastBacktest, StrategyFailed, TooManyOrders
from paper_bitmart.backtest.fast_desk import BUY, IOC, LIMIT, LIMIT_MAKER, SELL
from paper_bitmart.backtest.fast_loop import advance
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


def seen_in(memory, function):
    """What a strategy leaves in its memory after a short quiet market."""
    data = {"BTC_USDT": tape(*(quiet(at) for at in range(1, 3_000, 100)))}
    run = FastBacktest(data, function, memory)
    run.run()
    return run.memory


@njit
def sum_up(desk, book, memory):
    """Sums the flattened memory into its first cell, and counts in its last one."""
    flat = memory.size
    total = 0
    for k in range(memory.shape[0]):
        total += memory[k, 1]
    memory[0, 0] = total + flat
    memory[-1, -1] += 1


@pytest.mark.parametrize("kind", [np.int64, np.float64, np.int32])
@pytest.mark.parametrize("layout", ["C", "Fortran", "strided"])
def test_the_memory_may_have_any_type_and_layout(kind, layout):
    memory = np.arange(12).reshape(4, 3).astype(kind)
    if layout == "Fortran":
        memory = np.asfortranarray(memory)
    elif layout == "strided":
        memory = np.repeat(np.repeat(memory, 2, 0), 3, 1)[::2, ::3]
    seen = seen_in(memory, sum_up)
    assert seen[0, 0] == 1 + 4 + 7 + 10 + 12
    assert seen[3, 2] == 11 + 29
    assert seen is memory


@njit
def divide(desk, book, memory):
    memory[1] += 1
    memory[2] = 10 // (memory[0] - memory[1])


def test_what_a_strategy_raises_comes_out_of_the_run():
    memory = np.array([5, 0, 0])
    with pytest.raises(ZeroDivisionError):
        seen_in(memory, divide)
    assert memory.tolist() == [5, 5, 10]


def test_a_run_whose_strategy_has_raised_does_not_go_on(tmp_path):
    data = {"BTC_USDT": tape(*(quiet(at) for at in range(1, 3_000, 100)))}
    run = FastBacktest(data, divide, np.array([5, 0, 0]))
    with pytest.raises(ZeroDivisionError):
        run.run()
    for go_on in (run.run, lambda: run.save(tmp_path / "c")):
        with pytest.raises(StrategyFailed, match="divide: an error ended this run"):
            go_on()


def test_what_is_no_compiled_function_or_no_array_is_refused():
    with pytest.raises(TypeError, match="must be a njit function"):
        seen_in(np.array([1]), lambda desk, book, memory: None)
    with pytest.raises(TypeError, match="memory must be a numpy array, not list"):
        seen_in([1], divide)


@njit
def take_once(desk, book, memory):
    if memory[0] == 0:
        memory[0] = 1
        fast_desk.send(desk, BUY, fast_desk.best_ask(book), 3, IOC)


@njit
def note(desk, book, memory, ticket, what, price, lots):
    row = memory[0]
    memory[3 * row], memory[3 * row + 1], memory[3 * row + 2] = what, price, lots
    memory[0] += 1
    if what == fast_desk.FILLED:
        fast_desk.send(desk, SELL, fast_desk.best_bid(book), fast_desk.position(desk), IOC)


def test_news_reach_the_strategy_which_may_answer_at_once():
    data = {"BTC_USDT": tape(*(quiet(at) for at in range(1, 1_000, 100)))}
    memory = np.zeros(40, np.int64)
    results = FastBacktest(data, take_once, memory, on_news=note, response_ns=MS).run()
    ask, bid = results.fills["price_ticks"].tolist()
    accepted, filled = fast_desk.ACCEPTED, fast_desk.FILLED
    told = [accepted, 0, 0, filled, ask, 3, accepted, 0, 0, filled, bid, 3]
    assert memory[3 : 3 + len(told)].tolist() == told
    assert (results.fills["at_ns"][1] - results.fills["at_ns"][0]) == MS


def test_a_new_strategy_leaves_the_loop_as_it_is_compiled():
    seen_in(np.zeros(3, np.int64), take_once)
    compiled = len(advance.overloads)

    @njit
    def another(desk, book, memory):
        memory[0] += 1

    assert seen_in(np.zeros(1, np.int64), another).tolist() == [29]
    assert seen_in(np.zeros(1, np.float64), another).tolist() == [29.0]
    assert len(advance.overloads) == compiled == 1


def test_progress_tells_market_time_after_each_chunk(market):
    tapes = {"BTC_USDT": ArrayTape(market.rules["BTC_USDT"], market.events["BTC_USDT"], chunk_rows=5_000)}
    seen = []
    run = FastBacktest(tapes, quote, np.array([100, 3, 7, 0]))
    results = run.run(progress=seen.append)
    whole = tapes["BTC_USDT"].size
    assert [one.events for one in seen][:3] == [5_000, 10_000, 15_000]
    assert (seen[-1].at_ns, seen[-1].events) == (results.end_ns, results.events) == (results.end_ns, whole)
    assert [one.at_ns for one in seen] == sorted(one.at_ns for one in seen)
