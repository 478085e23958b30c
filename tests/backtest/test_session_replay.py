"""Replaying a session: identical, or the first difference with both lines; and the commands that do it."""

import io
import json
import signal
import subprocess
import sys

import msgspec
import pytest
from exchange.market_script import MS, START_NS, trade
from session_script import ScriptedSession

from paper_bitmart import cli
from paper_bitmart.backtest.session_replay import replay_session
from paper_bitmart.bitmart.enums import Side


@pytest.fixture
def folder(tmp_path):
    """A recorded session: one fill of 4 lots, one cancel, one refusal."""
    session = ScriptedSession(tmp_path / "session")
    session.submit("buy", 9995, 10, "a").at(20).say(trade(START_NS + 20 * MS, Side.SELL, 9989, 4))
    session.at(30).cancel("a").cancel("nobody").close()
    return tmp_path / "session"


@pytest.fixture
def run(monkeypatch, capsys):
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


def with_fees(folder, maker_ppm):
    """Say that the recorded venue charged something else."""
    path = folder / "session.json"
    facts = json.loads(path.read_text())
    facts["fees"][0] = maker_ppm
    path.write_text(json.dumps(facts))


def test_a_session_replays_identically_and_says_what_was_compared(folder):
    verdict = replay_session(folder)
    assert verdict.lines() == [
        "identical: 1 orders, 1 fills, 1 cancels, 1 refusals; 9 market events, 4 calls; same state at the end"
    ]


def test_the_first_difference_is_told_with_both_lines(folder):
    with_fees(folder, 1000)
    verdict = replay_session(folder)
    assert not verdict.is_identical
    assert verdict.difference.line > 1
    recorded, replayed = (msgspec.json.decode(line) for line in verdict.difference[1:])
    assert (recorded["type"], replayed["type"]) == ("OrderAccepted", "OrderAccepted")
    assert (recorded["order"]["maker_ppm"], replayed["order"]["maker_ppm"]) == (2500, 1000)
    assert verdict.lines()[0].startswith(f"different from outcomes.zst:{verdict.difference.line} on")


def test_out_has_the_replays_lines_as_they_were_recorded(folder, tmp_path):
    out = tmp_path / "out.jsonl"
    replay_session(folder, out=out)
    kinds = [json.loads(line)["type"] for line in out.read_text().splitlines()]
    assert kinds.count("OrderFilled") == kinds.count("Refused") == 1
    assert kinds[0] == "AccountOpened"
    assert kinds[-1] == "FeedChanged"


def test_a_venue_that_ends_otherwise_is_a_difference_too(folder):
    """Nothing was told differently, but the venue at the end is another one."""
    session = ScriptedSession(folder.parent / "other")
    other = ScriptedSession(folder.parent / "third").submit("buy", 9000, 1)
    session.wheel.finish(session.now_ns)
    session.tape.close(other.wheel.venue)
    verdict = replay_session(folder.parent / "other")
    assert verdict.difference.line == 0
    assert verdict.lines()[0].startswith("different from state at the end on")


# --- commands ---


def test_replay_of_a_session_is_0_if_identical_and_1_if_not(run, folder):
    code, out, _ = run("replay", "--session", folder)
    assert (code, out.split(":")[0]) == (0, "identical")
    with_fees(folder, 1000)
    code, out, _ = run("replay", "--session", folder)
    assert (code, out.split(" ")[0], out.count("\n")) == (1, "different", 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("replay", "--session", "nowhere"), "nowhere: is no recorded session"),
        (("replay", "x.gz", "--session", "nowhere"), "CAPTURE: is in the session already"),
        (("replay", "--session", "nowhere", "--orders", "x"), "--orders: is in the session already"),
        (("replay",), "CAPTURE: is needed (or --session DIR"),
        (("diff", "nowhere"), "diff: needs a changed setting"),
        (("diff", "nowhere", "--no-fees"), "nowhere: is no recorded session"),
        (("diff", "nowhere", "--queue-model", "best"), "--queue-model: must be one of"),
    ],
)
def test_mistakes_are_told_in_one_line(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"error: {message}")


def test_connect_records_a_session_that_replays_the_same(run, tmp_path):
    lines = "buy BTC-USDT limit 0.01 61600\nwait 5\nsell BTC-USDT market 0.005\ncancel nothing\nexit\n"
    options = ("--speed", "max", "--record", tmp_path / "session")
    run("connect", "bitmart_paper_trade", *options, stdin=lines)
    code, out, _ = run("replay", "--session", tmp_path / "session")
    assert (code, out[:19]) == (0, "identical: 2 orders")
    code, _, err = run("connect", "bitmart_paper_trade", *options, stdin="exit\n")
    assert code == 2
    assert "is not empty; a session is recorded into a folder of its own" in err


def test_serve_records_a_session_that_replays_the_same(run, tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-m", "paper_bitmart", "serve", "--port", "0", "--speed", "20",
         "--record", str(tmp_path / "session")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        told = []
        for line in program.stdout:
            told.append(line)
            if line.startswith("ready"):
                break
    finally:
        program.send_signal(signal.SIGTERM)
        rest = program.stdout.read()
        assert program.wait() == 0
        program.stdout.close()
    assert rest.endswith("stopped\n")
    assert f"recording  {tmp_path / 'session'}\n" in told
    code, out, _ = run("replay", "--session", tmp_path / "session")
    assert (code, out[:19]) == (0, "identical: 0 orders")
    assert "same state at the end" in out


def test_diff_prints_a_table_or_json(run, folder):
    code, out, _ = run("diff", folder, "--no-fees")
    assert code == 0
    assert out.startswith("1 orders: 1 cost\nprofit of alice:")
    assert "0.004 at 99.95" in out
    found = json.loads(run("diff", folder, "--no-fees", "--json")[1])
    assert found["counts"]["cost"] == 1
    assert found["orders"][0]["recorded"]["fee"] != "0"
