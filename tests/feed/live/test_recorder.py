"""What the recorder keeps beside the streams, and what it does when it cannot."""

import errno
import json
import os
import random
from dataclasses import replace
from decimal import Decimal

import pytest
from feed.feed_messages import RULES, SYMBOL, snapshot, update

from paper_bitmart.bitmart.rules import RulesError, load_rules
from paper_bitmart.feed.capture import CaptureReader
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.events import FeedState, Kind
from paper_bitmart.feed.live import outages
from paper_bitmart.feed.live.bitmart_session import BitmartSession
from paper_bitmart.feed.live.capture_stream import Clocks
from paper_bitmart.feed.live.frame_file import FrameFile
from paper_bitmart.feed.live.live_source import apply_rules
from paper_bitmart.feed.live.outages import OutageLog
from paper_bitmart.feed.live.recorder import Recorder, RecordingError, last_files, write_rules

SECOND = 10**9
START = 1_763_800_000 * SECOND
CLOCKS = Clocks(5, lambda: START, lambda: START - 5)


class Desk:
    """A session that is recorded."""

    def __init__(self, folder):
        self.now_ns = START
        self.outages = OutageLog()
        self.session = BitmartSession({SYMBOL: RULES}, rng=random.Random(1), outages=self.outages)
        self.recorder = Recorder(folder, "test", {SYMBOL: RULES}, [self.session], self.outages, CLOCKS, START)
        self.session.opened(START)

    def see(self, *messages):
        for message in messages:
            self.now_ns += SECOND // 10
            self.session.receive(message.decode("utf-8", "replace"), self.now_ns)


FIRST = snapshot(1, bids=[(100, 5)], asks=[(102, 1)])


def test_what_is_recorded_replays_as_it_was_live_refused_frames_included(tmp_path):
    desk = Desk(tmp_path)
    desk.see(FIRST, update(2, bids=[(100, 6)]), b"<html>502</html>", update(3, bids=[(100, 7)]))
    assert desk.session.mirrors[SYMBOL].state is FeedState.SYNCING
    desk.see(snapshot(5, bids=[(100, 8)], asks=[(102, 1)]), update(6, asks=[(103, 2)]))
    desk.see(snapshot(9), snapshot(10, bids=[(99, 8)], asks=[(102, 1)]))
    live = desk.session.take_events()[0][1]
    desk.recorder.close(desk.now_ns)
    [path] = tmp_path.glob("market-*")
    replayed = load_capture(path, load_rules(tmp_path / "symbols_details.json")).events[SYMBOL]
    names = ["recv_ns", "exch_ns", "price_ticks", "size_lots", "flags", "kind", "side"]
    # The recording begins with the gap before it; the session with a connection that was never lost.
    assert replayed[names].tolist()[-len(live) :] == live[names].tolist()
    assert len(live) > 15


def test_outages_are_kept_with_start_end_and_reason(tmp_path):
    desk = Desk(tmp_path)
    desk.see(FIRST, update(9, bids=[(100, 6)]), snapshot(9, bids=[(100, 6)], asks=[(102, 1)]))
    desk.recorder.tick(desk.now_ns)
    desk.session.closed(desk.now_ns + 7, "closed by the venue")
    desk.recorder.close(desk.now_ns + 7)
    first, second = (json.loads(line) for line in (tmp_path / "outages.jsonl").read_text().splitlines())
    assert first["why"] == "version 9 follows 1"
    assert first["end_ns"] - first["start_ns"] == SECOND // 10
    assert (second["why"], second["state"], second["end_ns"]) == ("closed by the venue", "CLOSED", None)


def test_a_lost_connection_is_marked_in_the_market_and_replays_as_one(tmp_path):
    desk = Desk(tmp_path)
    desk.see(FIRST)
    desk.session.closed(desk.now_ns + 1, "cut")
    desk.session.closed(desk.now_ns + 2, "refused")
    desk.session.opened(desk.now_ns + 3)
    desk.see(FIRST)
    desk.recorder.close(desk.now_ns)
    [path] = tmp_path.glob("market-*")
    marks = [raw.recv_ns for raw in CaptureReader(path) if raw.payload == b'{"event":"paper/disconnected"}']
    assert marks == [START, START + SECOND // 10 + 1]
    events = load_capture(path, load_rules(tmp_path / "symbols_details.json")).events[SYMBOL]
    states = events["size_lots"][events["kind"] == Kind.FEED_STATE].tolist()
    live, closed = FeedState.LIVE, FeedState.CLOSED
    assert [state for state in states if state in (live, closed)] == [live, closed, live]


def test_outages_that_the_log_forgot_meanwhile_were_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(outages, "FINISHED_MAX", 20)
    desk = Desk(tmp_path)
    desk.outages.enter(SYMBOL, FeedState.LIVE, START, "")
    for number in range(100):
        desk.outages.enter(SYMBOL, FeedState.SYNCING, START + number, str(number))
        desk.outages.enter(SYMBOL, FeedState.LIVE, START + number, "")
        if number % 7 == 0:
            desk.recorder.tick(START + number)
    desk.recorder.close(START + 100)
    assert desk.outages.forgotten > 50
    assert [row["why"] for row in rows_of(tmp_path / "outages.jsonl")] == [str(n) for n in range(100)]


def test_progress_says_rates_lag_and_book_states(tmp_path):
    desk = Desk(tmp_path)
    desk.see(FIRST, *(update(version, bids=[(100, version)]) for version in range(2, 11)))
    progress = desk.recorder.progress(desk.now_ns, reconnects=3)
    assert progress.lines == 11  # ten messages, and the clock at the first flush
    assert progress.lines_per_s == pytest.approx(11)
    assert progress.states == {"live": 1}
    assert "1 live, 0 outages, 3 reconnects" in str(progress)
    desk.recorder.close(desk.now_ns)


def test_a_full_disk_ends_the_recording_and_not_the_connection(tmp_path, monkeypatch):
    desk = Desk(tmp_path)
    desk.see(FIRST)

    def full(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FrameFile, "flush", full)
    desk.see(*(update(version, bids=[(100, version)]) for version in range(2, 30)))
    assert desk.session.mirrors[SYMBOL].version == 29
    with pytest.raises(OSError, match="No space left"):
        desk.recorder.tick(desk.now_ns)
    with pytest.raises(OSError, match="No space left"):
        desk.recorder.close(desk.now_ns)


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rules_are_kept_with_every_change_and_the_end_of_a_symbol(tmp_path):
    desk = Desk(tmp_path)
    desk.see(FIRST)
    larger = replace(RULES, min_size=Decimal(3))
    apply_rules(desk.session, {SYMBOL: larger}, {SYMBOL: RULES}, desk.now_ns, lambda text: None)
    desk.recorder.tick(desk.now_ns)
    apply_rules(desk.session, {}, {SYMBOL: larger}, desk.now_ns + 1, lambda text: None)
    desk.recorder.close(desk.now_ns + 1)
    rows = rows_of(tmp_path / "rules.jsonl")
    assert [(row["at_ns"], row["symbol"], row["what"]) for row in rows] == [
        (START, SYMBOL, "when the recording began"),
        (desk.now_ns, SYMBOL, "the venue changed base_min_size; takes effect at the next start"),
        (desk.now_ns + 1, SYMBOL, "was delisted by the venue"),
    ]
    assert [row["rules"] and row["rules"]["base_min_size"] for row in rows] == ["0.1", "3", None]
    [outage] = rows_of(tmp_path / "outages.jsonl")
    assert (outage["why"], outage["end_ns"]) == ("was delisted by the venue", None)


def test_a_changed_tick_is_kept_with_the_new_rules(tmp_path):
    desk = Desk(tmp_path)
    finer = replace(RULES, tick=Decimal("0.001"), price_decimals=3)
    apply_rules(desk.session, {SYMBOL: finer}, {SYMBOL: RULES}, START, lambda text: None)
    desk.recorder.close(START)
    row = rows_of(tmp_path / "rules.jsonl")[-1]
    assert (row["rules"]["price_max_precision"], "tick changed" in row["what"]) == (3, True)


def test_a_frame_torn_by_a_kill_is_cut_and_the_next_run_goes_on(tmp_path):
    desk = Desk(tmp_path)
    desk.see(FIRST, *(update(version, bids=[(100, version)]) for version in range(2, 40)))
    # No close: the process is gone. Of the last frame half came to the disk.
    [path] = tmp_path.glob("market-*")
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    (tmp_path / "outages.jsonl").write_text('{"symbol":')
    flushed = len(list(CaptureReader(path)))
    again = Desk(tmp_path)
    assert list(again.recorder.torn) == [path.name]
    assert again.recorder.torn[path.name] > 0
    assert len(list(CaptureReader(path))) == flushed > 10
    again.see(FIRST, update(9))
    again.recorder.close(again.now_ns)
    assert len(list(tmp_path.glob("market-*"))) == 2
    assert [row["why"] for row in rows_of(tmp_path / "outages.jsonl")] == ["version 9 follows 1"]


def test_only_the_last_files_of_the_streams_are_looked_through_at_a_start(tmp_path):
    names = ["market-1-a", "market-1-b", "market-2-a", "raw-1-a", "raw-1-c", "all"]
    for number, name in enumerate(names):
        path = tmp_path / f"{name}.jsonl.zst"
        path.touch()
        os.utime(path, (number, number))
    os.utime(tmp_path / "market-1-a.jsonl.zst", (99, 99))
    last = [path.name.partition(".")[0] for path in last_files(tmp_path)]
    assert last == ["all", "market-1-a", "market-1-b", "market-2-a", "raw-1-c"]


def test_several_connections_are_several_streams(tmp_path):
    outages, other = OutageLog(), replace(RULES, symbol="BBB_USDT")
    table = {SYMBOL: RULES, "BBB_USDT": other}
    sessions = [
        BitmartSession({name: one}, rng=random.Random(1), outages=outages) for name, one in table.items()
    ]
    recorder = Recorder(tmp_path, "test", table, sessions, outages, CLOCKS, START)
    for name, session in zip(table, sessions, strict=True):
        session.opened(START)
        session.receive(FIRST.replace(SYMBOL.encode(), name.encode()).decode(), START + 1)
    assert recorder.progress(START + 2, 0).states == {"live": 2}
    recorder.close(START + 2)
    rules = load_rules(tmp_path / "symbols_details.json")
    for number, name in enumerate(table):
        [path] = tmp_path.glob(f"market-{number + 1}-*")
        events = load_capture(path, rules).events
        assert {symbol for symbol, rows in events.items() if (rows["kind"] == Kind.LEVEL).any()} == {name}


def test_trades_lost_are_told_only_when_there_are_some(tmp_path):
    desk = Desk(tmp_path)
    assert "lost" not in str(desk.recorder.progress(START, 0))
    desk.outages.of(SYMBOL).trades_lost = 1_200
    assert str(desk.recorder.progress(START, 0)).endswith(", 1,200 trades lost")


class TestRules:
    def test_rules_of_several_runs_are_kept_together(self, tmp_path):
        write_rules(tmp_path, {SYMBOL: RULES})
        write_rules(tmp_path, {"BBB_USDT": replace(RULES, symbol="BBB_USDT")})
        assert list(load_rules(tmp_path / "symbols_details.json")) == [SYMBOL, "BBB_USDT"]

    def test_another_tick_in_the_same_folder_is_refused(self, tmp_path):
        write_rules(tmp_path, {SYMBOL: RULES})
        finer = replace(RULES, tick=Decimal("0.001"), price_decimals=3)
        with pytest.raises(RecordingError, match="another tick or lot; record into a new folder"):
            write_rules(tmp_path, {SYMBOL: finer})
        assert load_rules(tmp_path / "symbols_details.json")[SYMBOL].tick == RULES.tick

    def test_a_broken_rules_file_is_not_written_over(self, tmp_path):
        (tmp_path / "symbols_details.json").write_text("{")
        with pytest.raises(RulesError):
            write_rules(tmp_path, {SYMBOL: RULES})
        assert (tmp_path / "symbols_details.json").read_text() == "{"
