from pathlib import Path

import pytest

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.strategy_file import StrategyFileError, load_strategy, parse_arguments
from tests.backtest.backtest_market import demo

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(("file", "name"), [("maker", "Maker"), ("grid", "Grid"), ("imbalance", "Taker")])
def test_every_example_trades_and_keeps_its_limits(file, name, tmp_path):
    strategy = load_strategy(f"{EXAMPLES / f'backtest_{file}.py'}:{name}", {"lots": 500})
    backtest = Backtest(demo(), strategy, symbols=["BTC_USDT"])
    results = backtest.run()
    assert len(results.fills) > 5
    assert set(results.fills["role"].tolist()) == ({1} if name == "Taker" else {0})
    held = results.equity("main", "BTC_USDT")["position"]
    most = {"Maker": 10, "Grid": 5, "Taker": 5}[name] * 500 * 1e-5
    assert abs(held).max() <= most + 500 * 1e-5
    backtest.save(tmp_path / "checkpoint")
    assert Backtest.load(tmp_path / "checkpoint", demo(), symbols=["BTC_USDT"]).is_finished


def test_arguments_are_literals_or_text():
    assert parse_arguments(["lots=5", "name=abc", "x=1.5"]) == {"lots": 5, "name": "abc", "x": 1.5}


@pytest.mark.parametrize(
    ("spec", "arguments", "why"),
    [
        ("maker.py", {}, "must read FILE.py:NAME"),
        ("nothing.py:Maker", {}, "nothing.py: there is no such file"),
        (f"{EXAMPLES / 'backtest_maker.py'}:Taker", {}, "defines no Taker; it has Maker$"),
        (f"{EXAMPLES / 'market_maker_asyncio.py'}:show", {}, "is not async, and makes no strategy: show()"),
        (f"{EXAMPLES / 'backtest_maker.py'}:Maker", {"nose": 1}, "unexpected keyword argument 'nose'"),
        (f"{EXAMPLES / 'backtest_maker.py'}:OrderType", {"value": "limit"}, "is no Strategy but OrderType"),
    ],
)
def test_what_cannot_be_used_is_named(spec, arguments, why):
    with pytest.raises(StrategyFileError, match=why):
        load_strategy(spec, arguments)


@pytest.mark.parametrize(
    ("texts", "why"), [(["lots"], "must read NAME=VALUE"), (["a=1", "a=2"], "given twice")]
)
def test_bad_arguments_are_named(texts, why):
    with pytest.raises(StrategyFileError, match=why):
        parse_arguments(texts)
