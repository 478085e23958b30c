"""Recording: what is on the disk when, what a cut costs, what stops a recording but not the trading."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from exchange.market_script import MS, START_NS, trade
from session_script import ScriptedSession

from paper_bitmart.backtest.session_facts import SessionError
from paper_bitmart.backtest.session_reader import SessionReader
from paper_bitmart.backtest.session_records import CALLS_NAME, Called, Ended, Market, Restarted
from paper_bitmart.backtest.session_replay import replay_session
from paper_bitmart.bitmart.enums import Side
from paper_bitmart.exchange.calls import Cancel, CancelOrders
from paper_bitmart.exchange.events import OrderAccepted, OrderFilled
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.matching.latency import LatencyProfile

NEVER_S = 1000.0
"""Flushes only when asked to."""
CUTS = 12


def traded(folder, **settings):
    """A session with a fill, a cancel and a refusal, not closed yet."""
    session = ScriptedSession(folder, **settings)
    session.submit("buy", 9990, 10, "a").at(10).say(trade(START_NS + 20 * MS, Side.SELL, 9989, 4))
    session.at(30).submit("sell", 9990, 5, "b").cancel("a").cancel("nobody")
    return session


def steps(folder):
    return list(SessionReader(folder).steps())


def test_a_session_holds_every_call_with_its_sending_and_arrival_in_order(tmp_path):
    session = ScriptedSession(tmp_path, latency=LatencyProfile.constant(entry_ns=5 * MS, cancel_ns=2 * MS))
    session.submit("buy", 9990, 10, "a").at(5).at(10).cancel("a").at(20).close()
    calls = [step.record for step in steps(tmp_path) if isinstance(step.record, Called)]
    assert [
        (type(call.call).__name__, (call.sent_ns - START_NS) // MS, (call.at_ns - START_NS) // MS)
        for call in calls
    ] == [("OpenAccount", 0, 0), ("Submit", 0, 5), ("Cancel", 10, 12)]


def test_a_session_holds_the_market_batch_by_batch_bit_for_bit(tmp_path):
    session = ScriptedSession(tmp_path)
    said = trade(START_NS + MS, Side.SELL, 9990, 7)
    session.say(said).at(1).close()
    batches = [step.market["BTC_USDT"] for step in steps(tmp_path) if isinstance(step.record, Market)]
    assert len(batches) == 2
    assert batches[1].tobytes() == said.tobytes()


def test_facts_name_source_rules_settings_queue_model_and_latency(tmp_path):
    ScriptedSession(tmp_path, latency=LatencyProfile.constant(entry_ns=5 * MS)).close()
    reader = SessionReader(tmp_path)
    facts = reader.facts
    assert (facts.source, facts.fees, facts.matchers.queue_model) == ("script", (2500, 2500), "places")
    assert facts.latency["entry"] == "Constant(delay_ns=5000000)"
    assert reader.rules == ScriptedSession(tmp_path / "other").wheel.venue.rules


def test_a_closed_session_ends_with_its_state_and_is_whole(tmp_path):
    traded(tmp_path).close()
    reader = SessionReader(tmp_path)
    *_, last = reader.steps()
    assert isinstance(last.record, Ended)
    assert reader.ending == ""


def test_what_was_flushed_can_be_read_while_the_session_runs(tmp_path):
    session = traded(tmp_path, flush_s=NEVER_S)
    session.tape.flush()
    before = len(steps(tmp_path))
    session.submit("buy", 9980, 10, "later")
    assert len(steps(tmp_path)) == before
    session.tape.flush()
    assert len(steps(tmp_path)) == before + 1
    session.close()


@pytest.mark.parametrize("name", [CALLS_NAME, "outcomes.zst", "market/BTC_USDT.zst"])
def test_a_session_cut_anywhere_is_read_up_to_there_and_replays_the_same(tmp_path, name):
    whole = tmp_path / "whole"
    session = traded(whole, flush_s=NEVER_S)
    for number in range(20):
        session.submit("buy", 9980, 1 + number).tape.flush()
    session.close()
    size, lengths = (whole / name).stat().st_size, []
    for cut in range(CUTS):
        folder = tmp_path / str(cut)
        shutil.copytree(whole, folder)
        os.truncate(folder / name, size * cut // CUTS)
        verdict = replay_session(folder)
        assert verdict.is_identical, verdict.lines()
        assert verdict.ending
        lengths.append(verdict.calls)
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1] if name != "market/BTC_USDT.zst" else lengths


def test_damaged_bytes_are_told_with_their_place(tmp_path):
    traded(tmp_path).close()
    path = tmp_path / "market" / "BTC_USDT.zst"
    data = bytearray(path.read_bytes())
    data[8:40] = b"x" * 32
    path.write_bytes(bytes(data))
    with pytest.raises(SessionError, match=r"BTC_USDT\.zst: compressed data is damaged"):
        replay_session(tmp_path)


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(SessionError, match="is not empty"):
        ScriptedSession(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "is no recorded session"),
        ("{", "truncated"),
        ('{"format":"x"}', "missing required field"),
    ],
)
def test_a_folder_that_is_no_session_is_told_in_words(tmp_path, text, why):
    if text is not None:
        (tmp_path / "session.json").write_text(text)
    with pytest.raises(SessionError, match=why):
        SessionReader(tmp_path)


def test_text_that_only_json_can_carry_is_recorded_too(tmp_path):
    session = ScriptedSession(tmp_path)
    session.send(Cancel(account="alice", client_order_id="\ud800"))
    session.send(CancelOrders(account="alice", client_order_ids=("\udfff",)))
    session.close()
    verdict = replay_session(tmp_path)
    assert (verdict.is_identical, verdict.is_state_compared, verdict.calls) == (True, True, 3)


# --- what stops a recording does not stop the session ---


class FullDisk:
    """A file that takes no more."""

    def write(self, *_):
        raise OSError(28, "No space left on device", "calls.zst")


def test_a_full_disk_stops_the_recording_and_not_the_session(tmp_path, caplog):
    session = traded(tmp_path, flush_s=NEVER_S)
    session.tape.flush()
    session.tape._files._calls.write = FullDisk().write
    session.submit("buy", 9980, 10, "later")
    session.tape.flush()
    session.submit("buy", 9980, 10, "after").close()
    assert "No space left on device" in session.tape.failure
    assert "the session goes on" in caplog.text
    assert isinstance(session.outcomes[-1][0], OrderAccepted)
    verdict = replay_session(tmp_path)
    assert verdict.is_identical
    assert verdict.counts["OrderFilled"] == sum(isinstance(event, OrderFilled) for event in session.events)


def test_a_disk_that_cannot_follow_stops_the_recording(tmp_path):
    session = traded(tmp_path, waiting_max=1)
    session.say(trade(START_NS + 40 * MS, Side.SELL, 9989, 4)).close()
    assert "the disk is too slow" in session.tape.failure


def test_a_session_that_failed_ends_before_the_turn_in_which_it_did(tmp_path):
    session = traded(tmp_path)
    session.tape.called(Cancel(account="alice", order_id=1), START_NS, START_NS, [], None)
    session.tape.close(None)
    verdict = replay_session(tmp_path)
    assert (verdict.is_identical, verdict.is_state_compared) == (True, False)
    assert (verdict.calls, verdict.ending) == (5, "the session had failed")


def test_closing_twice_changes_nothing(tmp_path):
    session = traded(tmp_path).close()
    before = (tmp_path / CALLS_NAME).read_bytes()
    session.tape.close(session.wheel.venue)
    assert (tmp_path / CALLS_NAME).read_bytes() == before


# --- restarts ---


def test_a_session_on_an_old_journal_begins_with_its_accounts_and_orders(tmp_path):
    with Journal(tmp_path / "state") as journal:
        first = ScriptedSession(tmp_path / "first", journal=journal)
        first.submit("buy", 9990, 10, "resting").close()
    with Journal(tmp_path / "state") as journal:
        second = ScriptedSession(tmp_path / "second", journal=journal)
        second.say(trade(second.now_ns + MS, Side.SELL, 9989, 30))
        second.now_ns += 2 * MS
        second.turn().close()
    assert any(isinstance(event, OrderFilled) for event in second.events)
    for name in ("first", "second"):
        verdict = replay_session(tmp_path / name)
        assert verdict.is_identical, verdict.lines()
        assert verdict.is_state_compared


def test_what_a_failed_write_undid_is_not_in_the_recording(tmp_path):
    with Journal(tmp_path / "state") as journal:
        session = ScriptedSession(tmp_path / "session", journal=journal)
        session.submit("buy", 9990, 10, "before")
        database = journal._connection
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")
        number = 0
        while not session.wheel.storage_failed:
            session.submit("buy", 9980, 1, f"lost{number}")
            number += 1
        session.submit("buy", 9980, 1, "refused")
        database.execute("PRAGMA max_page_count = 1000000")
        session.at(10).at(20).submit("buy", 9980, 2, "after").close()
    verdict = replay_session(tmp_path / "session")
    assert verdict.is_identical, verdict.lines()
    assert verdict.is_state_compared
    records = [step.record for step in steps(tmp_path / "session")]
    assert sum(isinstance(record, Restarted) for record in records) == 1
    names = [
        record.call.order.client_order_id
        for record in records
        if hasattr(getattr(record, "call", 0), "order")
    ]
    assert names[0] == "before"
    assert names[-1] == "after"
    assert "refused" not in names
    assert f"lost{number - 1}" not in names


# --- kill -9 ---


def test_a_killed_program_leaves_a_session_that_replays_the_same(tmp_path):
    folder = tmp_path / "session"
    program = subprocess.Popen(
        [sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    try:
        acknowledged = int(program.stdout.readline())
        deadline = time.monotonic() + 60
        # What was acknowledged is on the disk soon; how soon is the machine's affair.
        while not (verdict := verdict_of(folder)) or verdict.counts.get("OrderAccepted", 0) < acknowledged:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
        program.stdout.close()
    verdict = replay_session(folder)
    assert verdict.is_identical, verdict.lines()
    assert verdict.counts["OrderAccepted"] >= acknowledged
    assert verdict.ending


def verdict_of(folder):
    try:
        return replay_session(folder)
    except SessionError:
        return None


def trade_for_ever(folder):
    session = ScriptedSession(folder, flush_s=0.1)
    number = 0
    while True:
        number += 1
        session.at(number)
        session.submit("buy", 9980 - number % 7, 1)
        session.say(trade(session.now_ns, Side.SELL, 9975, 2))
        if number == 200:
            print(number, flush=True)
        if number > 200:
            time.sleep(0.01)


if __name__ == "__main__":
    trade_for_ever(sys.argv[1])
