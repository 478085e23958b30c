import numpy as np
import pytest
from numba import njit

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.best_prices import best_prices
from paper_bitmart.backtest.fast import FastBacktest
from paper_bitmart.backtest.results import FRAMES
from paper_bitmart.backtest.statistics import drawdown, sharpe, statistics
from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.exchange.fees import FeeRates
from tests.backtest.backtest_market import MS, START_NS, Diary, Quoter, demo, level, quiet, tape, trade

S = 10**9


class OneBid(Diary):
    """Bids 2 lots at 100.00 at once, post-only."""

    def on_start(self, desk):
        desk.call_at(START_NS + 10 * MS)

    def on_timer(self, desk, tag):
        desk.buy("BTC_USDT", 10_000, 2, OrderType.LIMIT_MAKER)
        desk.buy("BTC_USDT", 9_000, 2)


@pytest.fixture(scope="module")
def results():
    # The bid fills at 1 s; the book then goes down by 4 ticks at 1.5 s, and up by 10 at 4 s.
    rows = [
        trade(1_000, 1, 10_000, 7),
        level(1_500, 0, 10_000, 0), level(1_500, 0, 9_996, 5), level(1_500, 1, 9_998, 5),
        level(4_000, 1, 9_998, 0), level(4_000, 1, 10_002, 0), level(4_000, 1, 10_008, 5),
        level(4_000, 0, 10_006, 5), quiet(10_000),
    ]  # fmt: skip
    return Backtest({"BTC_USDT": tape(*rows)}, OneBid(), fees=FeeRates(1000, 0)).run()


def test_every_statistic_of_one_fill_is_what_one_reckons_by_hand(results):
    (found,) = statistics(results)
    size, notional = 0.002, 0.002 * 100.0
    expected = {
        "orders": 2, "fills": 1, "turnover": notional, "fees": 0.0002, "maker_share": 1.0, "fill_ratio": 0.5,
        "pnl_gross": size * 0.07, "pnl_net": size * 0.07 - 0.0002, "position": size,
        "spread_captured_bps": 1e4 * 0.01 / 100, "markout_1s_bps": 1e4 * -0.03 / 100,
        "markout_5s_bps": 1e4 * 0.07 / 100, "inventory_max": size, "inventory_mean": size * 10 / 11,
        "drawdown": 0.0002 + size * 0.03 , "sample_s": 1.0,
    }  # fmt: skip
    got = found.as_dict()
    assert {name: got[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    assert np.isnan(found.markout_30s_bps), "the data end before 30 s have passed"


def test_equity_is_cash_and_position_at_mid_less_fees(results):
    equity = results.equity("main", "BTC_USDT")
    assert equity["position"].tolist() == [0.0] + [0.002] * 10
    assert equity["cash"] == pytest.approx([0.0] + [-0.2] * 10)
    mids = [100.01, 100.01, 99.97, 99.97, *[100.07] * 7]
    expected = [0.0] + [0.002 * mid - 0.2 - 0.0002 for mid in mids[1:]]
    assert equity["equity"] == pytest.approx(expected)


def test_frames_say_the_same_as_the_rows(results):
    pandas = pytest.importorskip("pandas")
    frame = results.to_pandas("fills")
    assert isinstance(frame, pandas.DataFrame)
    row = frame.iloc[0]
    assert (row.account, row.symbol, row.side, row.role) == ("main", "BTC_USDT", "buy", "maker")
    assert (row.price, row["size"], row.evidence) == (100.0, pytest.approx(0.002), "print_at_price")
    assert results.to_pandas("orders").state.tolist() == ["filled", "open"]


@pytest.mark.parametrize("what", FRAMES)
def test_polars_frames_have_the_same_columns(results, what):
    pytest.importorskip("polars")
    frame = results.to_polars(what)
    assert frame.columns == list(results.columns(what))
    assert [frame[name].to_list() for name in frame.columns] == [
        results.to_pandas(what)[name].tolist() for name in frame.columns
    ]
    with pytest.raises(ValueError, match="orders, fills, positions, equity, balances; not 'trades'"):
        results.to_polars("trades")


def test_positions_equity_and_balances_are_frames_too():
    pytest.importorskip("pandas")
    market = demo()
    run = Backtest(market, {"alice": Quoter(70), "bob": Quoter(300)}, balances={"USDT": 900_000, "BTC": 2})
    results = run.run()
    positions, equity, balances = map(results.to_pandas, ("positions", "equity", "balances"))
    for account, symbol in results.pairs:
        at_end = results.equity(account, symbol)[-1]
        own = positions[(positions.account == account) & (positions.symbol == symbol)]
        assert len(own) == len(results.fills_of(account, symbol)) > 0
        assert own.position.iloc[-1] == pytest.approx(at_end["position"])
        assert own.cash.iloc[-1] == pytest.approx(at_end["cash"])
        own = equity[(equity.account == account) & (equity.symbol == symbol)]
        assert np.array_equal(own.equity, results.equity(account, symbol)["equity"])
    assert len(results.pairs) >= 3
    for account, assets in results.balances.items():
        own = balances[balances.account == account].set_index("asset")
        assert [(float(a), float(b)) for a, b in assets.values()] == [
            (own.available[asset], own.frozen[asset]) for asset in assets
        ]


def test_a_run_without_orders_has_empty_frames():
    data = {"BTC_USDT": tape(quiet(1), quiet(300))}
    results = FastBacktest(data, look_away, np.zeros(1)).run()
    assert {what: len(next(iter(results.columns(what).values()))) for what in FRAMES} == dict.fromkeys(
        FRAMES, 0
    )


@njit
def look_away(desk, book, memory):
    memory[0] += 1


def test_best_prices_are_those_a_strategy_sees_at_the_same_time():
    class Note(Quoter):
        def on_book(self, desk, symbol):
            seen.append((desk.now_ns, desk.best_bid(symbol), desk.best_ask(symbol)))

    seen, market = [], demo()
    backtest = Backtest(market, Note(), symbols=["ETH_USDT"])
    backtest.run()
    times, bids, asks = np.array(seen).T
    found = best_prices(backtest._tapes["ETH_USDT"], times)
    assert len(times) > 500
    assert np.array_equal(found[0], bids)
    assert np.array_equal(found[1], asks)


def test_drawdown_and_sharpe_by_formula():
    assert drawdown(np.array([0.0, 2.0, -1.0, 5.0, 4.0])) == 3.0
    equity = np.array([0.0, 1.0, 1.0, 2.0])
    changes = np.diff(equity)
    assert sharpe(equity, S) == pytest.approx(changes.mean() / changes.std(ddof=1) * (365 * 86_400) ** 0.5)
    assert np.isnan(sharpe(np.zeros(5), S))
