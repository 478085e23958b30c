"""`record` as a process of its own against local venues: stopped, killed, resumed."""

import asyncio
import json
import signal
import sys

import pytest
from venue.binance_venue import BinanceVenue
from venue.fault_plan import FaultPlan
from venue.faulty_venue import FaultyVenue
from venue.small_disk import fill_disk, needs_limits
from venue.socket_venue import SocketVenue

from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.feed.capture import CaptureReader
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.events import FeedState, Kind
from paper_bitmart.feed.live.errors import UnknownSource
from paper_bitmart.feed.live.live_source import SystemClock
from paper_bitmart.feed.recording import RecordOptions, record

MS = 10**6
SYMBOLS = ["AAA_USDT", "BBB_USDT"]
SCRIPT = """
import sys
from pathlib import Path
from paper_bitmart.feed.live.capture_stream import StreamSettings
from paper_bitmart.feed.recording import RecordOptions, record
source, rest, ws, out = sys.argv[1:]
sys.exit(record(RecordOptions(source=source, pairs=["AAA_USDT", "BBB_USDT"], out=Path(out),
    urls={"rest_url": rest, "ws_url": ws}, stream=StreamSettings(fsync="second"))))
"""


class Recording:
    """A recorder process and what it said on standard error."""

    def __init__(self, process):
        self.process = process
        self.said = []

    @classmethod
    async def started(cls, source, venue, out):
        arguments = (sys.executable, "-c", SCRIPT, source, venue.rest_url, venue.ws_url, str(out))
        return cls(await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE))

    async def until(self, text, limit_s=60):
        async with asyncio.timeout(limit_s):
            while True:
                line = await self.process.stderr.readline()
                assert line, self.said
                self.said.append(line.decode().strip())
                if text in self.said[-1]:
                    return

    async def end(self, number):
        self.process.send_signal(number)
        _, rest = await self.process.communicate()
        self.said += rest.decode().splitlines()
        return self.process.returncode


def bitmart_venue():
    clock = SystemClock()
    faulty = FaultyVenue(SYMBOLS, 3, FaultPlan([], 0), clock.now_ns(), interval_ns=20 * MS)
    return SocketVenue(faulty, clock.now_ns)


async def test_killed_it_loses_less_than_a_second_and_the_next_recorder_goes_on(tmp_path):
    venue = bitmart_venue()
    async with venue.serving():
        first = await Recording.started("bitmart", venue, tmp_path)
        await first.until("books: 2 live")
        for _ in range(2):
            await first.until("lines")
        assert await first.end(signal.SIGKILL) == -signal.SIGKILL
        [path] = tmp_path.glob("market-*.jsonl.zst")
        # What was counted a second before the last report, by the recorder's own clock, is on disk.
        progress = [line for line in first.said if " lines (" in line]
        counted_before = int(progress[-2].partition(" ")[0].replace(",", ""))
        assert sum(1 for _ in CaptureReader(path)) >= counted_before > 0
        market = load_capture(path, load_rules(tmp_path / "symbols_details.json"))
        assert set(market.events) == set(SYMBOLS)
        path.write_bytes(path.read_bytes() + b"\x28\xb5\x2f\xfdtorn")

        second = await Recording.started("bitmart", venue, tmp_path)
        await second.until("books: 2 live")
        assert await second.end(signal.SIGTERM) == 0
    assert any("torn bytes" in line for line in second.said)
    assert "stopped" in second.said[-1]
    files = sorted(tmp_path.glob("market-*.jsonl.zst"))
    assert len(files) == 2
    joined = tmp_path / "joined.jsonl.zst"
    joined.write_bytes(b"".join(path.read_bytes() for path in files))
    states = load_capture(joined, load_rules(tmp_path / "symbols_details.json")).events["AAA_USDT"]
    states = states[states["kind"] == Kind.FEED_STATE]["size_lots"].tolist()
    assert states.count(FeedState.LIVE) == 2
    assert FeedState.CLOSED in states


@needs_limits
async def test_a_disk_that_fills_is_told_once_and_the_next_recorder_goes_on(tmp_path):
    venue = bitmart_venue()
    async with venue.serving():
        first = await Recording.started("bitmart", venue, tmp_path)
        await first.until("books: 2 live")
        [path] = tmp_path.glob("market-*.jsonl.zst")
        fill_disk(first.process.pid, path.stat().st_size + 20_000)
        _, rest = await first.process.communicate()
        first.said += rest.decode().splitlines()
        assert first.process.returncode == 1
        [error] = [line for line in first.said if line.startswith("error")]
        assert error == (
            "error: the recording cannot go on: File too large. "
            f"What was written to {tmp_path} until now is readable"
        )
        assert first.said[-1].startswith("stopped: ")
        assert not any("Traceback" in line for line in first.said)
        before = load_capture(path, load_rules(tmp_path / "symbols_details.json"))
        assert all(counter.updates > 20 for counter in before.report.counters.values())

        second = await Recording.started("bitmart", venue, tmp_path)
        await second.until("books: 2 live")
        assert await second.end(signal.SIGTERM) == 0
    assert not any("torn" in line for line in second.said)
    joined = tmp_path / "joined.jsonl.zst"
    joined.write_bytes(b"".join(path.read_bytes() for path in sorted(tmp_path.glob("market-*"))))
    after = load_capture(joined, load_rules(tmp_path / "symbols_details.json"))
    assert after.report.counters["AAA_USDT"].snapshots > before.report.counters["AAA_USDT"].snapshots


async def test_binance_is_kept_as_it_came_and_in_bitmarts_form(tmp_path):
    venue = BinanceVenue(SYMBOLS, 5, SystemClock().now_ns)
    async with venue.serving():
        recording = await Recording.started("binance", venue, tmp_path)
        await recording.until("books: 2 live")
        await venue.cut()
        await recording.until("1 reconnects")
        await recording.until("books: 2 live")
        assert await recording.end(signal.SIGINT) == 0
    [market], [raw] = tmp_path.glob("market-*"), tmp_path.glob("raw-*")
    rows = [json.loads(line.payload) for line in CaptureReader(raw)]
    streams = {row["stream"] for row in rows if "event" not in row and "stream" in row}
    assert streams == {
        f"{name}@{kind}" for name in ("aaausdt", "bbbusdt") for kind in ("depth@100ms", "trade")
    }
    assert any("lastUpdateId" in row["body"] for row in rows if "rest" in row)
    events = load_capture(market, load_rules(tmp_path / "symbols_details.json")).events
    assert all((one["kind"] == Kind.TRADE).any() for one in events.values())
    outages = [json.loads(line) for line in (tmp_path / "outages.jsonl").read_text().splitlines()]
    assert {outage["symbol"] for outage in outages} == set(SYMBOLS)
    assert all(outage["end_ns"] is None or outage["end_ns"] > outage["start_ns"] for outage in outages)


def test_a_recording_is_not_recorded_again(tmp_path):
    with pytest.raises(UnknownSource, match="demo is a recording already"):
        record(RecordOptions(source="demo", out=tmp_path))
