"""`paper-bitmart backtest` and `convert`: from a capture to a report, and mistakes in one line."""

import os
import pty
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from paper_bitmart import cli
from tests.small_market import DEMO, DEMO_ORDERS, DEMO_RULES, ES

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


def test_a_program_of_the_connector_is_backtested_as_it_stands(run, tmp_path):
    example = GRID.replace("backtest_grid.py:Grid", "market_maker_asyncio.py:make_market")
    report = tmp_path / "r.html"
    code, out, err = run(
        "backtest", example, "--pairs", "BTC-USDT", "--set", "seconds=30", "--entry-latency-ms", "10",
        "--report", report,
    )  # fmt: skip
    assert code == 0
    assert "made " in out, "what the program prints"
    rows = dict(line.split(maxsplit=1) for line in out.splitlines() if line.startswith(("orders", "fills")))
    assert rows["orders"] == "12", "a bid and an ask each 5 s"
    assert int(rows["fills"]) > 10
    assert "<title>Backtest: make_market</title>" in report.read_text()
    code, _, err = run("backtest", example, "--set", "minutes=1")
    assert (code, err) == (2, f"error: {example}: got an unexpected keyword argument 'minutes'\n")


@pytest.mark.parametrize("name", ["maker", "grid", "imbalance"])
def test_the_command_that_an_example_names_runs(run, tmp_path, monkeypatch, name):
    text = (EXAMPLES / f"backtest_{name}.py").read_text()
    (command,) = re.findall(r"^ *paper-bitmart (backtest examples/.*)$", text, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(EXAMPLES)
    code, out, err = run(*shlex.split(command))
    assert code == 0
    assert "fills  " in out
    assert ("report: " in err) == ("--report" in command)


def test_progress_on_a_terminal_says_market_time_speed_and_what_is_left():
    command = [sys.executable, "-m", "paper_bitmart", "backtest", GRID, "--pairs", "BTC-USDT"]
    master, terminal = pty.openpty()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=terminal, env=os.environ | {"COLUMNS": "120"}
    ):
        os.close(terminal)
        shown = b""
        # The terminal's other end says EIO once the program is gone.
        with suppress(OSError):
            while piece := os.read(master, 4096):
                shown += piece
    os.close(master)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"2024-08-09 00:02:5\d .*[0-9,]+ events/s +0:00:0\d", text), text


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
        (("backtest", GRID, "--data", DEMO_ORDERS), f"{DEMO_ORDERS}:1: market data of no known form"),
        (("backtest", GRID, "--report", "nowhere/r.html"), "--report: there is no folder nowhere"),
        (("backtest", GRID, "--pairs", "XRP-USDT"), "XRP_USDT is not in the data"),
        (("convert", ES, "out"), "--symbols: is needed: there is no symbols_details.json"),
        (("convert", DEMO, "x.npz", "--to", "csv"), "--to: must be events or hftbacktest"),
        (("convert", DEMO_RULES, "out", "--symbols", DEMO_RULES), f"{DEMO_RULES}:1: market data of no known"),
    ],
)
def test_mistakes_are_told_in_one_line(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
