"""A program in the compiled loop does, hears and owns what it does through the session that runs live."""

import asyncio
from decimal import Decimal

import numpy as np
import pytest

from paper_bitmart.backtest.tape import ArrayTape
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.connector.connector_backtest import ConnectorBacktest
from paper_bitmart.connector.exchange.vocabulary import OrderState, OrderType
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.matching.latency import Constant, Exponential, LatencyProfile
from paper_bitmart.matching.models import LOG
from tests.backtest.backtest_market import MS, START_NS, demo, quiet, same, tape
from tests.connector.random_program import RandomProgram, Several

FEES = FeeRates(800, 2000)
PAIRS = {"BTC_USDT": ("BTC-USDT", Decimal("0.02")), "ETH_USDT": ("ETH-USDT", Decimal("0.5"))}
FUNDS = {"BTC": Decimal(3), "ETH": Decimal(30), "USDT": Decimal("30000.123456789")}


@pytest.fixture(scope="module")
def market():
    return demo()


def delays(kind):
    return {
        "none": lambda: None,
        "constant": lambda: LatencyProfile.constant(10 * MS, cancel_ns=4 * MS, response_ns=25 * MS),
        "late": lambda: LatencyProfile.constant(130 * MS, cancel_ns=70 * MS, response_ns=250 * MS),
        "random": lambda: LatencyProfile(
            Exponential(5 * MS, 30 * MS, seed=1), Exponential(MS, 9 * MS, seed=2), Constant(MS)
        ),
    }[kind]()


def tiny(market, symbol, seconds=8, chunk_rows=0):
    """The first seconds of a symbol's market."""
    events = market.events[symbol]
    events = events[: np.searchsorted(events["recv_ns"], events["recv_ns"][0] + seconds * 10**9)]
    return {symbol: ArrayTape(market.rules[symbol], events, chunk_rows=chunk_rows)}


def both(data, make_program, **settings):
    """(results, program) of either engine; settings may be functions: delays have state."""
    runs = []
    for engine in ("venue", "compiled"):
        program = make_program()
        fresh = {name: value() if callable(value) else value for name, value in settings.items()}
        run = ConnectorBacktest(data, program, engine=engine, fees=FEES, **fresh)
        assert run.engine == engine
        runs.append((run.run(), program))
    return runs


def assert_same(venue, compiled):
    (results, program), (fast_results, fast_program) = venue, compiled
    for line, fast_line in zip(program.diary, fast_program.diary, strict=False):
        assert repr(line) == repr(fast_line)
    assert len(program.diary) == len(fast_program.diary)
    assert np.array_equal(results.orders, fast_results.orders)
    assert np.array_equal(results.fills, fast_results.fills)
    assert results.balances == fast_results.balances
    assert (results.refused, results.events) == (fast_results.refused, fast_results.events)
    assert same(results, fast_results)


def funds(symbol):
    base, quote = symbol.split("_")
    return {base: FUNDS[base], quote: FUNDS[quote]}


@pytest.mark.parametrize("latency", ["none", "constant", "late", "random"])
@pytest.mark.parametrize("seed", range(4))
def test_random_programs_live_the_same_life(market, seed, latency):
    symbol = ["BTC_USDT", "ETH_USDT"][seed % 2]
    data = tiny(market, symbol, chunk_rows=[0, 37][seed // 2])
    runs = both(
        data,
        lambda: RandomProgram(seed, *PAIRS[symbol]),
        latency=lambda: delays(latency),
        balances=funds(symbol),
    )
    assert len(runs[0][0].fills) > 20
    assert runs[0][0].refused > 2
    assert_same(*runs)


@pytest.mark.parametrize("latency", ["none", "constant", "late"])
@pytest.mark.parametrize("seed", [10, 11])
def test_what_nobody_listens_to_is_known_when_time_has_passed(market, seed, latency):
    runs = both(
        tiny(market, "BTC_USDT", chunk_rows=101),
        lambda: RandomProgram(seed, *PAIRS["BTC_USDT"], hears=()),
        latency=lambda: delays(latency),
        balances=funds("BTC_USDT"),
        queue_model=LOG,
    )
    assert_same(*runs)


@pytest.mark.parametrize("latency", ["none", "constant", "late"])
@pytest.mark.parametrize("chunk_rows", [0, 13])
def test_listeners_to_the_book_are_told_the_same_batches(market, latency, chunk_rows):
    runs = both(
        tiny(market, "BTC_USDT", seconds=5, chunk_rows=chunk_rows),
        lambda: RandomProgram(20, *PAIRS["BTC_USDT"], looks=True),
        latency=lambda: delays(latency),
        balances=funds("BTC_USDT"),
    )
    assert_same(*runs)


@pytest.mark.parametrize("latency", ["none", "constant"])
@pytest.mark.parametrize("seed", range(3))
def test_several_tasks_wait_beside_each_other(market, seed, latency):
    runs = both(
        tiny(market, "BTC_USDT", seconds=5),
        lambda: Several(seed, *PAIRS["BTC_USDT"], odd=0),
        latency=lambda: delays(latency),
        balances=funds("BTC_USDT"),
    )
    assert len(runs[0][0].fills) > 20
    assert_same(*runs)


def test_default_balances_are_the_same(market):
    runs = both(tiny(market, "ETH_USDT"), lambda: RandomProgram(3, *PAIRS["ETH_USDT"]))
    assert_same(*runs)


@pytest.mark.parametrize("engine", ["venue", "compiled"])
def test_tasks_that_wait_beside_each_other_wake_when_they_wanted_to(market, engine):
    woken = []

    async def wake(exchange, name, waits_s):
        for wait_s in waits_s:
            await exchange.sleep(wait_s)
            woken.append((round(exchange.current_timestamp - begin, 3), name))

    async def several(exchange):
        nonlocal begin
        begin = exchange.current_timestamp
        await asyncio.gather(wake(exchange, "a", [0.05, 0.05, 0.3]), wake(exchange, "b", [0.32, 0.01]))
        await exchange.sleep(0.2)
        woken.append((round(exchange.current_timestamp - begin, 3), "end"))

    begin = 0.0
    ConnectorBacktest(tiny(market, "BTC_USDT", seconds=2), several, engine=engine).run()
    assert woken == [(0.05, "a"), (0.1, "a"), (0.32, "b"), (0.33, "b"), (0.4, "a"), (0.6, "end")]


@pytest.mark.parametrize("engine", ["venue", "compiled"])
def test_results_hold_what_the_program_was_not_told_any_more(engine):
    async def once(exchange):
        exchange.buy("BTC-USDT", Decimal("0.005"), OrderType.LIMIT, Decimal("100.02"))
        await exchange.sleep(0.1)
        assert not exchange.order_tracker.cached_orders

    latency = LatencyProfile.constant(entry_ns=MS, response_ns=500 * MS)
    data = {"BTC_USDT": tape(quiet(50), quiet(5_000))}
    results = ConnectorBacktest(data, once, engine=engine, latency=latency).run()
    assert results.fills["size_lots"].tolist() == [5]
    assert results.balances["default"]["BTC"][0] == Decimal("1.005")


@pytest.mark.parametrize("engine", ["venue", "compiled"])
def test_a_program_may_tidy_up_when_the_recording_is_over(engine):
    async def tidy(exchange):
        exchange.buy("BTC-USDT", Decimal("0.005"), OrderType.LIMIT, Decimal("99.00"))
        try:
            await exchange.sleep(60)
        finally:
            done.extend(await exchange.cancel_all(10))

    done = []
    latency = LatencyProfile.constant(entry_ns=3 * MS, response_ns=4 * MS)
    data = {"BTC_USDT": tape(quiet(50), quiet(450))}
    results = ConnectorBacktest(data, tidy, engine=engine, latency=latency).run()
    assert [one.success for one in done] == [True]
    assert results.orders["closed_ns"].tolist() == [START_NS + 503 * MS]


@pytest.mark.parametrize("engine", ["venue", "compiled"])
def test_an_order_can_be_awaited_without_waiting_for_time(engine):
    states = []

    async def awaiting(exchange):
        order_id = exchange.buy("BTC-USDT", Decimal("0.003"), OrderType.LIMIT, Decimal("100.02"))
        order = exchange.in_flight_orders[order_id]
        states.append((order.current_state, await order.get_exchange_order_id(), order.current_state))
        await order.wait_until_completely_filled()
        states.append(order.average_executed_price)

    ConnectorBacktest({"BTC_USDT": tape(quiet(50), quiet(450))}, awaiting, engine=engine).run()
    assert states[0][0] is OrderState.PENDING_CREATE
    assert states[0][2] is OrderState.FILLED
    assert states[1] == Decimal("100.02")


def test_what_the_compiled_engine_does_not_do_runs_on_the_venue(market):
    data = tiny(market, "BTC_USDT", seconds=1)
    for arguments, why in (
        ({"data": market}, "several symbols"),
        ({"latency": LatencyProfile.constant(market_data_ns=MS)}, "delayed market data"),
        ({"latency": LatencyProfile(response=Exponential(MS, MS, seed=1))}, "a response latency that varies"),
        ({"latency": LatencyProfile(load=Counter())}, "a latency that depends on the market's load"),
        ({"balances": {"USDT": Decimal(10**17)}}, "balances that do not fit"),
    ):
        given = {"data": data, "program": nothing} | arguments
        assert ConnectorBacktest(**given).engine == "venue"
        with pytest.raises(ValueError, match=f"does not do {why}"):
            ConnectorBacktest(**given, engine="compiled")
    assert ConnectorBacktest(data, nothing).engine == "compiled"
    with pytest.raises(ValueError, match="engine: must be"):
        ConnectorBacktest(data, nothing, engine="fast")


@pytest.mark.parametrize(
    "ask", [lambda ours: ours.session, lambda ours: ours.restore_tracking_states({"a": {}})]
)
def test_what_only_the_venue_has_is_refused_by_name(market, ask):
    async def asking(exchange):
        ask(exchange)

    with pytest.raises(RuntimeError, match="engine='venue'"):
        ConnectorBacktest(tiny(market, "BTC_USDT", seconds=1), asking).run()


@pytest.mark.parametrize("engine", ["venue", "compiled"])
def test_money_is_paid_in_and_out(market, engine):
    seen = []

    async def move(exchange):
        await exchange.set_balance("USDT", Decimal("12000.123456789"))
        await exchange.set_balance("BTC", Decimal("0.25"))
        seen.append(exchange.get_all_balances())
        exchange.sell("BTC-USDT", Decimal("0.2"), OrderType.LIMIT, exchange.get_price("BTC-USDT", False))
        await exchange.sleep(1)
        await exchange.set_balance("BTC", Decimal(0))
        seen.append(exchange.get_available_balance("BTC"))
        for currency in ("ETH", "BTC"):
            with pytest.raises(BitmartError):
                await exchange.set_balance(currency, Decimal("-1"))

    results = ConnectorBacktest(tiny(market, "BTC_USDT", seconds=3), move, engine=engine).run()
    assert seen == [{"BTC": Decimal("0.25"), "USDT": Decimal("12000.123456789")}, Decimal(0)]
    assert results.balances["default"]["BTC"] == (0, 0)
    assert results.balances["default"]["USDT"][0] > 20_000


async def nothing(exchange):
    await exchange.sleep(1)


class Counter:
    def seen(self, times_ns):
        raise AssertionError("the compiled engine has no use for it")
