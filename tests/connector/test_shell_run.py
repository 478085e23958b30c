"""Piped sessions from their first line to their exit code, and the toolbar."""

import io
import os
from decimal import Decimal

import pytest
from shell_bench import options
from small_market import depth

from paper_bitmart.connector.paper_exchange import open_exchange
from paper_bitmart.connector.shell_run import run_shell, toolbar


def piped(paper, *lines):
    out = io.StringIO()
    code = run_shell(paper, "bitmart_paper_trade", stdin=io.StringIO("\n".join(lines) + "\n"), stdout=out)
    return code, out.getvalue().splitlines()


def test_a_piped_session_greets_echoes_and_answers(tmp_path):
    code, lines = piped(options(tmp_path), "buy BTC-USDT limit 1 99.99", "", "exit", "balance")
    assert code == 0
    assert lines == [
        "You are now connected to bitmart_paper_trade",
        "BTC-USDT from capture capture.jsonl; paper money only. Type help for the commands.",
        ">>> buy BTC-USDT limit 1 99.99",
        "#1 accepted: buy limit 1 BTC-USDT at 99.99, 5 BTC ahead in the queue",
        ">>> exit",
    ]


def test_an_order_that_the_market_passed_between_two_sessions_is_announced_at_the_start(tmp_path):
    piped(options(tmp_path, state=tmp_path / "state"), "buy BTC-USDT limit 1 99.99")
    (tmp_path / "later").mkdir()
    lower = depth(0, bids=[("99.80", "2")], asks=[("99.90", "1")], version=1, kind="snapshot")
    _, lines = piped(options(tmp_path / "later", market=(lower,), state=tmp_path / "state"), "orders")
    assert lines[2] == "#1 bought 1 BTC at 99.99 as maker, fee 0.249975 USDT; filled"
    assert lines[-1] == "no open orders"


@pytest.mark.parametrize(
    ("line", "code"),
    [("balance", 0), ("buy BTC-USDT limit 0.001 1", 0), ("sing", 2), ("buy BTC-USDT limit x 1", 2)],
)
def test_the_exit_code_tells_whether_every_line_was_understood(tmp_path, line, code):
    assert piped(options(tmp_path), line, "balance")[0] == code


def test_a_first_deposit_for_an_account_that_is_there_is_said_to_change_nothing(tmp_path):
    paper = options(tmp_path, state=tmp_path / "state", balances={"USDT": Decimal(5)})
    said = [any(line.startswith("--balance is a") for line in piped(paper, "balance")[1]) for _ in range(2)]
    assert said == [False, True]


def test_errors_go_to_stderr_and_the_session_goes_on(tmp_path, capsys):
    _, lines = piped(options(tmp_path), "sing", "balance")
    assert capsys.readouterr().err == "error: there is no command 'sing'; help lists them all\n"
    assert lines[-1].startswith("USDT")


def test_a_reader_that_goes_away_ends_the_session_quietly(tmp_path, capsys, caplog):
    reader, writer = os.pipe()
    os.close(reader)
    lines = io.StringIO("buy BTC-USDT limit 1 99.99\nbalance\n")
    with open(writer, "w") as nobody:
        assert run_shell(options(tmp_path), "bitmart_paper_trade", stdin=lines, stdout=nobody) == 0
    assert (capsys.readouterr().err, caplog.records) == ("", [])
    assert lines.read() == "balance\n"


async def test_the_toolbar_shows_best_prices_and_open_orders(tmp_path):
    from paper_bitmart.connector.shell import Shell

    exchange = open_exchange(options(tmp_path))
    await exchange.start()
    await Shell(exchange, print, print).execute("buy BTC-USDT limit 1 99.99")
    assert toolbar(exchange) == "BTC-USDT 100.00/100.02 | 1 open | #1 buy 99.99 ahead 5"
    await exchange.session.close()
