"""The compiled loop under a plain-Python strategy does, tells and reckons what the venue's own loop does."""

from decimal import Decimal

import numpy as np
import pytest

from paper_bitmart.backtest import fast_arrays
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.fast_money import fee_of, limit_buy_hold
from paper_bitmart.backtest.fast_run import CompiledRun, MoneyTooLarge, exact_sum
from paper_bitmart.backtest.money_units import Funds, MoneyUnits
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.tape import ArrayTape
from paper_bitmart.bitmart.enums import OrderType, Side
from paper_bitmart.exchange import fees, holds
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.lifecycle import VenueInconsistent
from paper_bitmart.exchange.line import LineFull
from paper_bitmart.matching.latency import Constant, Exponential, LatencyProfile
from paper_bitmart.matching.models import LOG
from tests.backtest.backtest_market import FUNDS, MS, RULES, START_NS, demo, quiet, same, tape
from tests.backtest.random_strategy import RandomStrategy

SYMBOL = "BTC_USDT"
FEES = FeeRates(800, 2000)


@pytest.fixture(scope="module")
def market():
    return demo()


def delays(kind):
    if kind == "none":
        return None
    if kind == "constant":
        return LatencyProfile.constant(entry_ns=10 * MS, cancel_ns=4 * MS, response_ns=25 * MS)
    return LatencyProfile(Exponential(5 * MS, 3 * MS, seed=1), Exponential(MS, 9 * MS, seed=2), Constant(MS))


def tiny(market, symbol, seconds=9, chunk_rows=0):
    """The first seconds of a symbol's market."""
    events = market.events[symbol]
    events = events[: np.searchsorted(events["recv_ns"], events["recv_ns"][0] + seconds * 10**9)]
    return {symbol: ArrayTape(market.rules[symbol], events, chunk_rows=chunk_rows)}


def both(data, make_strategy, **settings):
    """(results, what the strategy noted) of either engine; settings may be functions: delays have state."""
    runs = []
    for engine in ("venue", "compiled"):
        strategy = make_strategy()
        fresh = {name: value() if callable(value) else value for name, value in settings.items()}
        run = Backtest(data, strategy, engine=engine, fees=FEES, **fresh)
        assert run.engine == engine
        runs.append((run.run(), strategy.diary))
    return runs


def assert_same(venue, compiled):
    (results, diary), (fast_results, fast_diary) = venue, compiled
    for line, fast_line in zip(diary, fast_diary, strict=False):
        assert line == fast_line
    assert len(diary) == len(fast_diary)
    assert same(results, fast_results)
    assert (results.refused, results.events) == (fast_results.refused, fast_results.events)


@pytest.mark.parametrize("latency", ["none", "constant", "random"])
@pytest.mark.parametrize("seed", range(4))
def test_random_strategies_live_the_same_life(market, seed, latency):
    symbol = ["BTC_USDT", "ETH_USDT"][seed % 2]
    data = tiny(market, symbol, chunk_rows=[0, 37][seed // 2])
    runs = both(data, lambda: RandomStrategy(seed, 3_000), latency=lambda: delays(latency))
    assert len(runs[0][0].fills) > 50
    assert runs[0][0].refused > 5
    assert_same(*runs)


@pytest.mark.parametrize("seed", range(3))
def test_an_account_that_runs_out_of_money_is_refused_the_same_orders(market, seed):
    data = tiny(market, SYMBOL)
    funds = [
        {"BTC": Decimal("0.07"), "USDT": Decimal("3000.123456789")},
        {"USDT": Decimal(2_000)},
        {"BTC": Decimal("0.1234567890123")},
    ][seed]
    runs = both(data, lambda: RandomStrategy(seed, 2_000), latency=lambda: delays("constant"), balances=funds)
    codes = [line[3] for line in runs[0][1] if line[1] == "refused"]
    assert codes.count(50020) > 20
    assert len(runs[0][0].fills) > 10
    assert_same(*runs)


def test_a_strategy_that_wakes_at_every_message(market):
    data = tiny(market, "ETH_USDT", seconds=2, chunk_rows=11)
    runs = both(data, lambda: RandomStrategy(5, 3_000, wake_every_ns=0))
    assert_same(*runs)


@pytest.mark.parametrize("chunk_rows", [0, 37])
def test_a_run_cut_anywhere_ends_the_same(market, tmp_path, chunk_rows):
    data = tiny(market, SYMBOL, seconds=5, chunk_rows=chunk_rows)

    def begin():
        strategy = RandomStrategy(2, 3_000)
        return Backtest(data, strategy, latency=delays("random"), fees=FEES), strategy

    whole, strategy = begin()
    results = whole.run()
    cuts = np.unique([*results.fills["at_ns"][::9], *range(results.start_ns, results.end_ns, 313 * MS)])
    assert len(cuts) >= 20
    cut, _ = begin()
    for at_ns in cuts.tolist():
        cut.run(at_ns)
        assert cut.now_ns == at_ns
        cut.save(tmp_path / "checkpoint")
        cut = Backtest.load(tmp_path / "checkpoint", data)
        assert cut.engine == "compiled"
    assert same(cut.run(), results)
    assert cut.strategies["main"].diary == strategy.diary


class Quiet(Strategy):
    """Listens to nothing but the book: the compiled loop is entered at wake-ups only."""

    def __init__(self):
        self.diary = []

    def on_book(self, desk, symbol):
        self.diary.append((desk.now_ns, dict(desk.positions), [repr(one) for one in desk.tickets.values()]))
        desk.cancel_all()
        for side, price in ((Side.BUY, desk.best_bid(symbol)), (Side.SELL, desk.best_ask(symbol))):
            for k in range(3):
                desk.send(symbol, side, price + (k if side is Side.SELL else -k), 300, OrderType.LIMIT)


@pytest.mark.parametrize("latency", ["none", "constant", "random"])
def test_what_nobody_listens_to_is_known_at_the_next_wake_up(market, latency):
    runs = both(tiny(market, SYMBOL), Quiet, latency=lambda: delays(latency), queue_model=LOG)
    assert len(runs[0][0].fills) > 50
    assert_same(*runs)


class Many(Quiet):
    """More orders than the arrays of a new desk hold, at once."""

    def on_book(self, desk, symbol):
        for k in range(9_000):
            desk.buy(symbol, 9_000 - k % 50, 10)
        if len(desk.tickets) > 20_000:
            desk.cancel_all()
        self.diary.append((desk.now_ns, len(desk.tickets)))


def test_a_desk_grows_with_its_orders():
    data = {SYMBOL: tape(*(quiet(at) for at in range(1, 500, 50)))}
    assert_same(*both(data, Many, latency=lambda: delays("constant")))


def test_a_line_that_is_full_is_told_the_same():
    class TooMany(Quiet):
        def on_book(self, desk, symbol):
            for _ in range(100_001):
                desk.buy(symbol, 9_000, 10)

    for engine in ("venue", "compiled"):
        with pytest.raises(LineFull, match="100000 commands are in flight"):
            Backtest({SYMBOL: tape(quiet(1), quiet(300))}, TooMany(), engine=engine).run()


def test_numbers_that_are_no_integers_are_errors():
    class Half(Quiet):
        def on_book(self, desk, symbol):
            desk.buy(symbol, 9_000.5, 10)

    with pytest.raises(TypeError):
        Backtest({SYMBOL: tape(quiet(1), quiet(300))}, Half(), engine="compiled").run()


def test_no_order_is_taken_before_the_feed_lives_nor_after_it_is_lost():
    class Eager(RandomStrategy):
        def on_start(self, desk):
            desk.buy(SYMBOL, 9_999, 5)

    assert_same(*both({SYMBOL: tape(quiet(1), quiet(300))}, lambda: Eager(1, 5)))


def test_what_the_compiled_engine_does_not_do_runs_on_the_venue(market):
    late = LatencyProfile.constant(market_data_ns=MS)
    late_news = LatencyProfile(response=Exponential(MS, MS, seed=1))
    data = tiny(market, SYMBOL, seconds=1)
    for arguments, why in (
        ({"data": market}, "several symbols"),
        ({"strategy": {"a": Quiet(), "b": Quiet()}}, "several accounts"),
        ({"latency": late}, "delayed market data"),
        ({"latency": late_news}, "a response latency that varies"),
        ({"balances": {"USDT": Decimal(10**17)}}, "balances that do not fit"),
    ):
        given = {"data": data, "strategy": Quiet()} | arguments
        assert Backtest(**given).engine == "venue"
        with pytest.raises(ValueError, match=f"does not do {why}"):
            Backtest(**given, engine="compiled")
    assert Backtest(data, Quiet()).engine == "compiled"


def test_money_beyond_64_bits_ends_the_run_with_an_error():
    class Huge(Quiet):
        def on_book(self, desk, symbol):
            desk.buy(symbol, 2**40, 2**40)

    data = {SYMBOL: tape(quiet(1), quiet(300))}
    with pytest.raises(MoneyTooLarge, match="engine='venue'"):
        Backtest(data, Huge(), engine="compiled").run()
    # With an account of its own the order is simply not covered.
    assert Backtest(data, Huge(), balances=FUNDS, engine="compiled").run().refused > 0


@pytest.fixture
def run():
    funds = Funds(10**24, 10**20, is_ample=False)
    return CompiledRun(tape(), LOG, delays=(0, 0, 0), wake_every_ns=MS, rates=FEES, funds=funds)


def test_fees_and_holds_are_the_ledgers_to_the_last_unit(run):
    chance = np.random.default_rng(1)
    s, unit = run.desk.scalars, MoneyUnits.of(RULES).unit_atoms
    for price, lots in chance.integers(1, 10**6, (500, 2)).tolist():
        notional = RULES.notional_atoms(price, lots)
        for ppm in (*FEES, 0, 1, 999_999, 1_000_000):
            assert fee_of(s, notional // unit, ppm) * unit == fees.fee_atoms(notional, ppm)
        assert limit_buy_hold(s, price, lots) * unit == holds.limit_buy_hold(RULES, price, lots, FEES)


def test_sums_are_exact_beyond_64_bits():
    values = np.array([2**62, 2**62, -5, 2**62 + 1, -(2**61), 3], np.int64)
    assert exact_sum(values) == sum(values.tolist())


def test_money_that_does_not_add_up_is_found(run):
    run.check_money()
    run.desk.scalars[fast_arrays.QUOTE_HELD] += 1
    with pytest.raises(VenueInconsistent, match="balances are"):
        run.check_money()
    assert run.now_ns == START_NS
