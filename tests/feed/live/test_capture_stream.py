"""Files of one stream: flushed each second, rotated with their books, marked with clocks and gaps."""

import msgspec
import pytest
from feed.feed_messages import RULES, SYMBOL, snapshot, update

from paper_bitmart.feed.capture import CaptureReader
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live import capture_stream
from paper_bitmart.feed.live.capture_stream import CaptureStream, Clocks, StreamSettings
from paper_bitmart.feed.mirror import Mirror

SECOND = 10**9
START = 1_763_800_000 * SECOND


class Recorded:
    """A mirror and the stream that records it."""

    def __init__(self, folder, **settings):
        self.folder = folder
        self.mirror = Mirror(RULES, "auto")
        self.now_ns = START
        clocks = Clocks(START - 5, lambda: self.now_ns + 7, lambda: self.now_ns - START + 5)
        mirrors, head = {SYMBOL: self.mirror}, {"source": "test"}
        self.stream = CaptureStream(
            folder, "market", StreamSettings(**settings), clocks, mirrors, head, START
        )

    def see(self, message, after_ns=SECOND // 10):
        self.now_ns += after_ns
        self.mirror.receive(message, self.now_ns)
        self.stream.write(self.now_ns, message)

    def events(self):
        return [msgspec.json.decode(raw.payload) for path in self.stream.files for raw in CaptureReader(path)]


@pytest.fixture
def recorded(tmp_path):
    return Recorded(tmp_path)


def test_a_line_is_on_disk_within_a_second(recorded):
    recorded.see(snapshot(7, bids=[(100, 1)], asks=[(102, 1)]))
    for version in range(8, 19):
        recorded.see(update(version, bids=[(100, version)]))
    versions = [row["data"][0]["version"] for row in recorded.events() if "data" in row]
    # Ten lines a second came: what is not on disk is younger than 0.8 s.
    assert versions[-1] > 18 - 8
    recorded.see(update(19, bids=[(100, 19)]), after_ns=0)
    recorded.stream.flush(recorded.now_ns + SECOND)
    assert recorded.events()[-1]["data"][0]["version"] == 19


def test_the_first_lines_say_who_records_and_that_there_was_a_gap_before(recorded):
    recorded.stream.close()
    head, gap = recorded.events()
    assert head == {
        "event": "paper/recorder", "stream": "market", "offset_ns": START - 5, "source": "test",
    }  # fmt: skip
    assert gap == {"event": "paper/disconnected"}


def test_both_clocks_are_marked_so_that_receive_times_can_be_told_in_either(recorded):
    recorded.see(snapshot(7, bids=[(100, 1)], asks=[(102, 1)]))
    recorded.stream.close()
    [clock] = [row for row in recorded.events() if row.get("event") == "paper/clock"]
    assert clock["wall_ns"] - clock["monotonic_ns"] == (START + 7) - 5


def test_after_a_rotation_by_time_each_file_can_be_replayed_by_itself(tmp_path):
    recorded = Recorded(tmp_path, rotate_ns=10 * SECOND)
    recorded.see(snapshot(1, bids=[(100, 5), (99, 4)], asks=[(102, 1)]))
    for version in range(2, 302):
        recorded.see(update(version, bids=[(100, version)]))
    recorded.stream.close()
    assert len(recorded.stream.files) == 3
    for number, path in enumerate(recorded.stream.files):
        market = load_capture(path, {SYMBOL: RULES})
        states = [event["size_lots"] for event in market.events[SYMBOL] if event["kind"] == 6]
        assert states[-1] == FeedState.LIVE
        assert market.report.gaps == 0
        carried = [raw for raw in CaptureReader(path) if b'"carried":true' in raw.payload]
        assert len(carried) == (number > 0)


def test_files_of_one_moment_are_in_order_by_name(tmp_path):
    """So that `cat market-*.jsonl.zst` joins them, whatever the locale: their names differ in digits only."""
    recorded = Recorded(tmp_path, rotate_bytes=1)
    recorded.see(snapshot(1, bids=[(100, 5)], asks=[(102, 1)]))
    for version in range(2, 30):
        recorded.see(update(version, bids=[(100, version)]), after_ns=SECOND if version % 2 else 0)
    recorded.stream.close()
    files = recorded.stream.files
    assert len(files) > 10
    assert files == sorted(files)
    assert {len(path.name) for path in files} == {len("market-20251122T082640000Z.jsonl.zst")}


@pytest.mark.parametrize(
    ("fsync", "flushed", "complete"), [("never", 0, 0), ("rotate", 0, 1), ("second", 1, 1)]
)
def test_the_disk_is_made_to_keep_what_the_policy_says(tmp_path, monkeypatch, fsync, flushed, complete):
    synced = []
    monkeypatch.setattr("os.fsync", synced.append)
    recorded = Recorded(tmp_path, fsync=fsync)
    recorded.see(snapshot(1, bids=[(100, 5)], asks=[(102, 1)]), after_ns=SECOND)
    recorded.stream.flush(recorded.now_ns)
    assert len(synced) == flushed
    synced.clear()
    recorded.stream.close()
    assert len(synced) == complete


def test_a_rotation_that_the_disk_does_not_allow_fails_once_and_closes_in_order(tmp_path, monkeypatch):
    recorded = Recorded(tmp_path, rotate_ns=SECOND)
    recorded.see(snapshot(1, bids=[(100, 5)], asks=[(102, 1)]))

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(capture_stream, "FrameFile", full)
    with pytest.raises(OSError, match="No space left"):
        recorded.see(update(2, bids=[(100, 6)]), after_ns=2 * SECOND)
    recorded.stream.close()
    assert recorded.events()[-1]["data"][0]["version"] == 2


def test_joined_files_are_one_capture_without_a_gap(tmp_path):
    recorded = Recorded(tmp_path, rotate_bytes=1_500)
    recorded.see(snapshot(1, bids=[(100, 5), (99, 4)], asks=[(102, 1)]))
    for version in range(2, 302):
        recorded.see(update(version, bids=[(100, version * 7919 % 1000 + 1)]))
    recorded.stream.close()
    assert len(recorded.stream.files) > 2
    joined = tmp_path / "joined.jsonl.zst"
    joined.write_bytes(b"".join(path.read_bytes() for path in recorded.stream.files))
    market = load_capture(joined, {SYMBOL: RULES})
    assert market.report.gaps == 0
    assert market.report.counters[SYMBOL].updates == 300
    last = market.events[SYMBOL][-1]
    assert (last["price_ticks"], last["size_lots"]) == (100, 301 * 7919 % 1000 + 1)


def test_a_rotation_waits_for_a_book_that_is_being_mended(tmp_path):
    recorded = Recorded(tmp_path, rotate_ns=10 * SECOND)
    recorded.see(snapshot(1, bids=[(100, 5)], asks=[(102, 1)]))
    recorded.see(update(9, bids=[(100, 5)]), after_ns=20 * SECOND)
    assert len(recorded.stream.files) == 1
    recorded.see(snapshot(10, bids=[(100, 5)], asks=[(102, 1)]), after_ns=2 * SECOND)
    assert len(recorded.stream.files) == 2


def test_a_rotation_waits_a_minute_at_most(tmp_path):
    recorded = Recorded(tmp_path, rotate_ns=10 * SECOND)
    recorded.see(snapshot(1, bids=[(100, 5)], asks=[(102, 1)]))
    recorded.see(update(9, bids=[(100, 5)]))
    for seconds, files in ((69, 1), (70, 2)):
        recorded.stream.flush(START + seconds * SECOND)
        assert len(recorded.stream.files) == files


def test_times_of_lines_never_fall(recorded):
    recorded.see(snapshot(1, bids=[(100, 5)], asks=[(102, 1)]))
    recorded.stream.write(recorded.now_ns - SECOND // 20, b'{"late":1}')
    recorded.stream.close()
    times = [raw.recv_ns for path in recorded.stream.files for raw in CaptureReader(path)]
    assert times == sorted(times)
    assert recorded.events()[-1] == {"late": 1}


def test_line_breaks_between_tokens_do_not_break_a_capture(recorded):
    recorded.see(b'{"event":\n"subscribe",\r\n"topic":"spot/trade:A_B"}')
    recorded.stream.close()
    assert {"event": "subscribe", "topic": "spot/trade:A_B"} in recorded.events()
