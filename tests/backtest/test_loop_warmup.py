"""Compiling the loop of backtests: said before it starts, and done by then."""

from types import SimpleNamespace

import pytest

from paper_bitmart.backtest import warmup
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.tape import ArrayTape


def compiled(index):
    return SimpleNamespace(_cache=SimpleNamespace(_cache_file=SimpleNamespace(_load_index=lambda: index)))


@pytest.mark.parametrize("engine", ["compiled", "venue"])
@pytest.mark.parametrize(
    ("function", "said"),
    [(compiled({}), [warmup.COMPILING]), (compiled({"signature": 1}), []), (SimpleNamespace(), [])],
)
def test_it_is_said_only_when_there_is_something_to_compile(monkeypatch, engine, function, said):
    monkeypatch.setitem(warmup._ENTRY_POINTS, engine, function)
    heard = []
    warmup.warm_up_loop(engine, heard.append)
    assert heard == said


@pytest.mark.parametrize("engine", ["compiled", "venue"])
def test_its_market_is_matched_against_an_order(engine):
    tape = ArrayTape(warmup.RULES, warmup._market())
    results = Backtest({"A_B": tape}, warmup.Once(), engine=engine).run()
    assert (len(results.orders), results.refused) == (1, 0)
    assert results.orders["queue_ahead"][0] >= 5
