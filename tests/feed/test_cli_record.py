"""`paper-bitmart record`: mistakes are one line; a venue that is not there says what to do."""

import sys

import pytest

from paper_bitmart import cli


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["paper-bitmart", "record", "--out", str(tmp_path), *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err

    return command


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--source", "demo"], "error: demo is a recording already; record bitmart, binance or ccxt:NAME"),
        (["--source", "ccxt"], "error: source ccxt needs the name of an exchange, e.g. ccxt:kraken"),
        (
            ["--source", "binance", "--fsync", "always"],
            "error: --fsync: must be one of never, rotate, second",
        ),
        (
            ["--source", "bitmart", "--rest-url", "http://127.0.0.1:9"],
            "error: --ws-url: is needed with --rest-url: books and updates must be of one venue",
        ),
        (["--source", "ccxt:kraken", "--ws-url", "ws://a"], "error: --ws-url: goes with --source bitmart or"),
        (["--source", "binance", "--port", "0"], "error: --port: goes with --with-orders"),
        (["--source", "binance", "--balance", "USDT=1"], "error: --balance: goes with --with-orders"),
        (["--source", "demo", "--with-orders"], "error: demo is a recording already; record bitmart"),
        (["--source", "binance", "--pairs", "BTC"], "error: --pairs: 'BTC' does not read BASE-QUOTE"),
    ],
)
def test_a_mistake_is_one_line(run, arguments, text):
    code, told = run(*arguments)
    assert code == 2
    assert told.startswith(text)
    assert told.count("\n") == 1


@pytest.mark.parametrize(("source", "venue"), [("bitmart", "26 August 2026"), ("binance", "--source demo")])
def test_a_venue_that_does_not_answer_is_one_line_with_what_to_do(run, source, venue):
    code, told = run("--source", source, "--rest-url", "http://127.0.0.1:9", "--ws-url", "ws://127.0.0.1:9")
    assert code == 2
    assert venue in told
    assert told.count("\n") == 1
