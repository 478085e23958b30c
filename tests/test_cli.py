"""The command: each subcommand once, and every mistake told in one line with its place."""

import io
import json
import signal
import subprocess
import sys

import pytest
from small_market import DEMO, DEMO_ORDERS, DEMO_RULES, MARKET, RULES_ROW, Files, submit

from paper_bitmart import __version__, cli


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process: (exit code, stdout, stderr)."""

    def command(*arguments, stdin=""):
        monkeypatch.setattr(sys, "argv", ["paper-bitmart", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path, orders=[submit(10, "x"), submit(11, "y", size="0.0001")])


def replay_arguments(files, *more):
    return (
        "replay",
        files.capture,
        "--symbols",
        files.symbols,
        "--orders",
        files.orders,
        "--out",
        files.out,
        *more,
    )


# --- what it does ---


def test_version(run):
    assert run("--version") == (0, f"paper-bitmart {__version__}\n", "")


@pytest.mark.parametrize("command", ["connect", "replay", "backtest", "info", "convert", "serve", "journal"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_help(run, command, option):
    code, out, _ = run(command, option)
    assert code == 0
    assert "Usage:" in out


def test_commands_are_listed_as_the_readme_does(run):
    _, out, _ = run("--help")
    listed = [line.split()[0] for line in out.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed[:3] == ["connect", "replay", "info"]
    assert listed[-2:] == ["journal", "hummingbot"]


def test_help_and_version_do_not_import_the_slow_packages():
    slow = "{'numba', 'numpy', 'aiohttp', 'rich.console', 'prompt_toolkit'}"
    code = f"import sys; from paper_bitmart import cli; print({slow} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_connect_takes_lines_from_a_pipe(run):
    lines = "buy BTC-USDT limit_maker 0.01 61596.67\nwait 1s\nexit\n"
    code, out, _ = run(
        "connect", "bitmart_paper_trade", "--speed", "max", "--balance", "USDT=1000", stdin=lines
    )
    assert code == 0
    assert out.startswith("You are now connected to bitmart_paper_trade\n")
    assert "#1 accepted: buy limit_maker 0.01 BTC-USDT at 61596.67, 3.6863 BTC ahead in the queue" in out


def test_connect_ends_with_2_after_a_line_that_makes_no_sense(run):
    code, _, err = run("connect", "bitmart_paper_trade", "--speed", "max", stdin="sing\nbalance\n")
    assert (code, err) == (2, "error: there is no command 'sing'; help lists them all\n")


def test_replay_writes_out_and_one_summary_line(run, files):
    code, out, err = run(*replay_arguments(files))
    assert (code, out) == (0, "")
    assert err.startswith(
        "1 orders accepted, 1 rejected, 1 fills, 0 canceled; 11 market events and 2 commands in "
    )
    assert len(files.out.read_text().splitlines()) == 3


def test_replay_reports_what_it_passed_over(run, tmp_path):
    gap = (2_500, MARKET[3][1] | {"data": [MARKET[3][1]["data"][0] | {"version": 9}]})
    files = Files(tmp_path, market=[*MARKET, gap], orders=[submit(20, "b"), submit(10, "a")])
    with files.capture.open("a") as capture:
        capture.write("17000000000")
    code, _, err = run(*replay_arguments(files))
    assert code == 0
    assert "orders: not in time order" in err
    assert "BTC_USDT: 1 gaps" in err
    assert "capture: the file ends inside a line" in err


def test_replay_stops_and_goes_on(run, files):
    run(*replay_arguments(files))
    whole = files.out.read_bytes()
    state = files.out.parent / "state"
    assert run(*replay_arguments(files, "--state", state, "--until", 1_700_000_000_010_000_000))[0] == 0
    assert files.out.read_bytes() != whole
    assert run(*replay_arguments(files, "--state", state, "--resume"))[0] == 0
    assert files.out.read_bytes() == whole


def test_a_converted_capture_replays_the_same(run, files, tmp_path):
    run(*replay_arguments(files))
    whole = files.out.read_bytes()
    code, _, err = run("convert", files.capture, tmp_path / "c.npz", "--symbols", files.symbols)
    assert code == 0
    assert err.startswith("BTC_USDT: 11 events in ")
    files.capture = tmp_path / "c.npz"
    run(*replay_arguments(files))
    assert files.out.read_bytes() == whole


def test_serve_runs_with_a_given_key_set_until_it_is_told_to_stop(tmp_path):
    arguments = (
        "serve",
        "--port",
        "0",
        "--speed",
        "max",
        "--api-key",
        "k",
        "--api-secret",
        "s",
        "--api-memo",
        "m",
    )
    server = subprocess.Popen(
        [sys.executable, "-m", "paper_bitmart", *arguments, "--state", tmp_path / "state"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = []
    while not lines or not lines[-1].startswith("ready"):
        lines.append(server.stdout.readline())
        assert lines[-1], server.stderr.read()
    server.send_signal(signal.SIGTERM)
    out, _ = server.communicate()
    assert (server.returncode, out) == (0, "stopped\n")
    stored = json.loads((tmp_path / "state" / "keys.json").read_text())
    assert [(key["access_key"], key["secret"], key["memo"]) for key in stored["keys"]] == [("k", "s", "m")]


def test_journal_export_writes_csv(run, files, tmp_path):
    run(*replay_arguments(files, "--state", tmp_path / "state"))
    code, out, _ = run("journal", "export", tmp_path / "state", tmp_path / "csv")
    assert code == 0
    assert f"{tmp_path / 'csv' / 'fills.csv'}: 1 rows" in out
    assert len((tmp_path / "csv" / "fills.csv").read_text().splitlines()) == 2


def test_info_describes_a_capture_for_people_and_programs(run, files):
    code, out, _ = run("info", files.capture)
    assert code == 0
    assert "BTC_USDT" in out
    code, out, _ = run("info", files.capture, "--symbols", files.symbols, "--json")
    described = json.loads(out)
    assert (described["symbols"][0]["symbol"], described["lines"]) == ("BTC_USDT", 4)


def test_the_bundled_market_replays(run, tmp_path):
    code, _, err = run(
        "replay",
        DEMO,
        "--symbols",
        DEMO_RULES,
        "--orders",
        DEMO_ORDERS,
        "--out",
        tmp_path / "out.jsonl",
        "--no-fees",
    )
    assert code == 0
    assert "160 orders accepted, 5 rejected" in err


# --- bad input ---


def bad_capture_line(files):
    files.capture.write_text(files.capture.read_text() + "yesterday {}\n")
    return f"{files.capture}:5"


def unknown_message(files):
    files.capture.write_text(
        files.capture.read_text() + '1800000000000000000 {"table":"spot/secrets","data":[]}\n'
    )
    return f"{files.capture}:5:table: BitMart has no "


def price_in_capture_is_no_number(files):
    files.capture.write_text(files.capture.read_text().replace('"99.99", "4"', '"cheap", "4"'))
    return f"{files.capture}:3:"


def price_in_orders_is_no_number(files):
    files.orders.write_text(json.dumps(submit(1, "x", price="cheap")))
    return f"{files.orders}:1:price: 'cheap' is not a number"


def order_without_account(files):
    files.orders.write_text('{"ts":1,"action":"submit"}')
    return f"{files.orders}:1:account: is missing"


def rules_are_no_json(files):
    files.symbols.write_text("{")
    return f"{files.symbols}:1"


def rules_with_a_bad_field(files):
    row = RULES_ROW | {"quote_increment": "small"}
    files.symbols.write_text(json.dumps({"code": 1000, "data": {"symbols": [row]}}))
    return f"{files.symbols}: symbols[0] (BTC_USDT)"


def rules_of_another_market(files):
    row = RULES_ROW | {"symbol": "ETH_USDT", "base_currency": "ETH"}
    files.symbols.write_text(json.dumps({"code": 1000, "data": {"symbols": [row]}}))
    return f"{files.capture}:1:data.symbol: BTC_USDT is not in"


def rules_with_a_coarser_tick(files):
    files.symbols.write_text(json.dumps({"data": {"symbols": [RULES_ROW | {"price_max_precision": 0}]}}))
    return f"{files.capture}:1:"


def missing(name):
    def remove(files):
        path = getattr(files, name)
        path.unlink()
        return f"{path}: No such file or directory"

    remove.__name__ = f"missing_{name}"
    return remove


@pytest.mark.parametrize(
    "spoil",
    [
        bad_capture_line, unknown_message, price_in_capture_is_no_number, price_in_orders_is_no_number,
        order_without_account, rules_are_no_json, rules_with_a_bad_field, rules_of_another_market,
        rules_with_a_coarser_tick, missing("capture"), missing("symbols"), missing("orders"),
    ],
    ids=lambda spoil: spoil.__name__,
)  # fmt: skip
def test_a_bad_file_is_told_in_one_line_with_its_place_and_nothing_is_written(run, files, spoil):
    place = spoil(files)
    code, out, err = run(*replay_arguments(files))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {place}")
    assert err.count("\n") == 1
    assert not files.out.exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--balance", "USDT"), "--balance: must read ASSET=AMOUNT"),
        (("--balance", "DOGE=1"), "51000 "),
        (("--queue-model", "best"), "--queue-model: must be one of"),
        (("--entry-latency-ms", "soon"), "--entry-latency-ms: 'soon' is not a number"),
        (("--resume",), "--resume: needs --state"),
    ],
)
def test_a_bad_option_of_replay_is_told_in_one_line(run, files, more, message):
    code, _, err = run(*replay_arguments(files, *more))
    assert code == 2
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
    assert not files.out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("connect", "binance_paper_trade"), "CONNECTOR: there is bitmart_paper_trade"),
        (
            ("connect", "bitmart_paper_trade", "--source", "bitmart", "--speed", "max"),
            "--speed: bitmart is a live market, which runs at speed 1",
        ),
        (("connect", "bitmart_paper_trade", "--source", "nothing"), "--source: there is no capture file"),
        (("connect", "bitmart_paper_trade", "--pairs", "DOGE-USDT"), "DOGE-USDT is not in this market"),
        (("connect", "bitmart_paper_trade", "--speed", "-1"), "--speed: must be max"),
        (("serve", "--feed", "nothing"), "--source: there is no capture file 'nothing'"),
        (("serve", "--speed", "fast"), "--speed: must be max, or above 0"),
        (("serve", "--host", "0.0.0.0"), "host: loopback"),
        (("serve", "--pairs", "DOGE-USDT"), "DOGE-USDT is not in this market, which has ETH-USDT, BTC-USDT"),
        (("serve", "--source", "binance", "--clock", "recorded"), "--clock: binance is a live market"),
        (("serve", "--source", "ccxt"), "source ccxt needs the name of an exchange"),
        (("serve", "--rest-url", "http://a"), "--rest-url: goes with --source bitmart or binance"),
        (("serve", "--book", "none"), "--book: must be one of market, merged"),
        (("info", "nothing"), "nothing: No such file or directory"),
        (("info", "."), "FILE: . is a folder; a capture is a file"),
        (("info", "day.npz"), "FILE: day.npz is a converted file"),
        (("connect", "--balance", "DOGE=1"), "51000 Currency not found; this market has BTC, ETH, USDT"),
        (("calibrate", DEMO_ORDERS), "--symbols: is needed: there is no symbols_details.json"),
        (("journal", "export", "nothing", "out"), "nothing/journal.sqlite: does not exist"),
        (("convert", "nothing", "out.npz", "--symbols", "s"), "nothing: No such file or directory"),
    ],
)
def test_other_mistakes_are_told_in_one_line(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("sing",), ("replay",), ("connect", "bitmart_paper_trade", "--colour")]
)
def test_usage_errors_are_2_as_well(run, arguments):
    code, _, err = run(*arguments)
    assert code == 2
    assert "Traceback" not in err


def test_a_defect_keeps_its_traceback(run, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("paper_bitmart.feed.info.describe", broken)
    with pytest.raises(ZeroDivisionError):
        run("info", "anything")
