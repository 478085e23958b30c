"""`paper-bitmart backtest` and `convert`: from a capture to a report, and mistakes in one line."""

import sys
from pathlib import Path

import numpy as np
import pytest

from paper_bitmart import cli
from tests.small_market import DEMO, DEMO_RULES

EXAMPLES = Path(__file__).parents[1] / "examples"
GRID = f"{EXAMPLES / 'backtest_grid.py'}:Grid"


@pytest.fixture
def run(monkeypatch, capsys):
    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["paper-bitmart", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return command


def test_a_capture_becomes_histories_and_these_a_report(run, tmp_path):
    pytest.importorskip("plotly")
    code, out, err = run("convert", DEMO, tmp_path / "market", "--symbols", DEMO_RULES, "--packed")
    assert code == 0
    assert out.splitlines() == [
        str(tmp_path / "market" / symbol / "2024-08-09") for symbol in ("ETH_USDT", "BTC_USDT")
    ]
    assert "BTC_USDT: 24,803 events in " in err
    report = tmp_path / "r.html"
    code, from_histories, err = run("backtest", GRID, "--data", tmp_path / "market", "--report", report)
    assert code == 0
    assert f"report: {report}" in err
    assert "<title>Backtest: Grid</title>" in report.read_text()
    code, from_demo, _ = run("backtest", GRID, "--pairs", "BTC-USDT,ETH-USDT")
    assert sorted(from_demo.splitlines()) == sorted(from_histories.splitlines())


def test_options_reach_the_strategy_and_the_venue(run):
    _, out, _ = run("backtest", GRID, "--pairs", "BTC-USDT", "--set", "levels=2", "--no-fees")
    rows = dict(line.split(maxsplit=1) for line in out.splitlines() if line)
    assert (rows["symbol"], rows["fees"]) == ("BTC_USDT", "0")
    assert int(rows["orders"]) >= 4
    _, out, _ = run("backtest", GRID, "--pairs", "BTC-USDT", "--balance", "USDT=1")
    assert out == "", "every order is refused: there is nothing to pay with"


def test_a_capture_becomes_an_hftbacktest_file(run, tmp_path):
    out = tmp_path / "b.npz"
    code, _, err = run(
        "convert", DEMO, out, "--symbols", DEMO_RULES, "--symbol", "BTC_USDT", "--to", "hftbacktest"
    )
    assert code == 0
    assert "venue times moved by -" in err
    assert np.load(out)["data"].dtype.names[:5] == ("ev", "exch_ts", "local_ts", "px", "qty")
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("backtest", "x.py:X"), "x.py: there is no such file"),
        (("backtest", GRID, "--set", "nose=1"), f"{GRID}: "),
        (("backtest", GRID, "--data", DEMO), f"{DEMO}: capture files carry no rules"),
        (("backtest", GRID, "--pairs", "XRP-USDT"), "XRP_USDT is not in the data"),
        (("convert", DEMO, "out"), "--symbols: is needed"),
        (("convert", DEMO, "x.npz", "--to", "csv"), "--to: must be events or hftbacktest"),
        (("convert", DEMO_RULES, "out", "--symbols", DEMO_RULES), f"{DEMO_RULES}:1: market data of no known"),
    ],
)
def test_mistakes_are_told_in_one_line(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
