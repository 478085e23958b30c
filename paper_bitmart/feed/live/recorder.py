"""Records a live source: its streams, its rules, its outages, and what a progress line says."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from paper_bitmart.bitmart.rules import SymbolRules, load_rules
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live.append_only import LineFile
from paper_bitmart.feed.live.capture_stream import SUFFIX, CaptureStream, Clocks, StreamSettings
from paper_bitmart.feed.live.frame_file import cut_torn_frame
from paper_bitmart.feed.live.outages import Outage, OutageLog
from paper_bitmart.feed.live.rules_watch import RuleChange
from paper_bitmart.feed.live.venue_session import Tap, VenueSession

RULES_NAME: Final = "symbols_details.json"
RULE_CHANGES_NAME: Final = "rules.jsonl"
OUTAGES_NAME: Final = "outages.jsonl"
MARKET_STREAM: Final = "market"
RAW_STREAM: Final = "raw"
NS_PER_MS: Final = 10**6


class RecordingError(Exception):
    """A folder cannot take the recording. `folder`, `why`."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(f"{folder}: {why}")
        self.folder, self.why = folder, why


@dataclass(slots=True)
class Progress:
    """What happened since the last look.

    Attributes:
        lines, size: in all; lines and compressed bytes. lines_per_s: since the last look.
        lag_ms: receive time minus the venue's time of the newest book content; None without a book.
        states: symbols by feed state. outages, reconnects: in all.
        trades_lost: in all; trades that the venue numbered and that never came.
    """

    lines: int
    lines_per_s: float
    size: int
    lag_ms: int | None
    states: dict[str, int]
    outages: int
    reconnects: int
    trades_lost: int

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.states.items())
        lag = "-" if self.lag_ms is None else f"{self.lag_ms} ms"
        lost = f", {self.trades_lost:,} trades lost" if self.trades_lost else ""
        return (
            f"{self.lines:,} lines ({self.lines_per_s:,.0f}/s), {size_text(self.size)}, lag {lag}, "
            f"books: {states}, {self.outages} outages, {self.reconnects} reconnects{lost}"
        )


def size_text(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e3:,.0f} kB" if size < 10**6 else f"{size / 1e6:,.1f} MB"


class Recorder:
    """Writes everything that the sessions of a source see into a folder.

    Args:
        folder: made if need be. What an earlier recorder left there stays; a frame torn by a kill is cut off.
        source_name, rules, outages: of the source.
        sessions: whose `tap` and `raw` are taken.

    Attributes:
        torn: files of an earlier recorder with a torn end -> bytes cut.
        failure: why nothing is written any more; None while all is well.

    Raises:
        RecordingError: the folder holds a recording of other rules. OSError: it cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        source_name: str,
        rules: Mapping[str, SymbolRules],
        sessions: list[VenueSession],
        outages: OutageLog,
        clocks: Clocks,
        at_ns: int,
        settings: StreamSettings | None = None,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        write_rules(folder, rules)
        self.torn = {path.name: cut for path in last_files(folder) if (cut := cut_torn_frame(path))}
        self._sessions, self._outages = sessions, outages
        self._outages_file = LineFile(folder / OUTAGES_NAME)
        self._told_outages = 0
        self._rules_file = LineFile(folder / RULE_CHANGES_NAME)
        self._told_rules = [0] * len(sessions)
        for symbol, one in rules.items():
            self._write_rules(RuleChange(at_ns, symbol, "when the recording began", one))
        self._looked_ns, self._looked_lines = at_ns, 0
        self.failure: OSError | None = None
        self.streams: list[CaptureStream] = []
        head = {"source": source_name, "symbols": list(rules)}
        settings = settings or StreamSettings()
        for index, session in enumerate(sessions):
            number = f"-{index + 1}" if len(sessions) > 1 else ""
            market = CaptureStream(
                folder, MARKET_STREAM + number, settings, clocks, session.mirrors, head, at_ns
            )
            self.streams.append(market)
            session.tap = self._guarded(market.write)
            if session.speaks_bitmart:
                continue
            raw = CaptureStream(folder, RAW_STREAM + number, settings, clocks, {}, head, at_ns)
            self.streams.append(raw)
            session.raw = self._guarded(raw.write)

    def _guarded(self, write: Tap) -> Tap:
        """A full disk must not look like a lost connection to the session: it is kept for `tick`."""

        def guarded(recv_ns: int, line: bytes) -> None:
            if self.failure is not None:
                return
            try:
                write(recv_ns, line)
            except OSError as error:
                self.failure = error

        return guarded

    def tick(self, at_ns: int) -> None:
        """Flush and rotate what is due. Raises OSError: this time, or while a line was written."""
        if self.failure is not None:
            raise self.failure
        for stream in self.streams:
            stream.flush(at_ns)
        for outage in self._outages.finished[self._told_outages - self._outages.forgotten :]:
            self._write_outage(outage)
            self._told_outages += 1
        for index, session in enumerate(self._sessions):
            for change in session.rule_changes[self._told_rules[index] :]:
                self._write_rules(change)
                self._told_rules[index] += 1

    def close(self, at_ns: int) -> None:
        """Complete everything; outages that go on are written without an end. Raises OSError."""
        with ExitStack() as closing:
            closing.callback(self._outages_file.close)
            closing.callback(self._rules_file.close)
            for stream in self.streams:
                closing.callback(stream.close)
            self.tick(at_ns)
            for outage in self._outages.open.values():
                self._write_outage(outage)

    def progress(self, at_ns: int, reconnects: int) -> Progress:
        """For a progress line; rates are since the last call."""
        lines = sum(stream.lines for stream in self.streams)
        elapsed_s = max(1, at_ns - self._looked_ns) / 1e9
        rate = (lines - self._looked_lines) / elapsed_s
        self._looked_ns, self._looked_lines = at_ns, lines
        mirrors = [mirror for session in self._sessions for mirror in session.mirrors.values()]
        newest = max(mirrors, key=lambda mirror: mirror.content_ns)
        lag_ms = (newest.content_ns - newest.exch_ns) // NS_PER_MS if newest.content_ns >= 0 else None
        states: dict[str, int] = {}
        for mirror in mirrors:
            name = FeedState(mirror.state).name.lower()
            states[name] = states.get(name, 0) + 1
        size = sum(stream.size for stream in self.streams)
        outages = self._outages
        return Progress(lines, rate, size, lag_ms, states, outages.count, reconnects, outages.trades_lost)

    def _write_rules(self, change: RuleChange) -> None:
        row = {
            "at_ns": change.at_ns,
            "symbol": change.symbol,
            "what": change.what,
            "rules": None if change.rules is None else change.rules.to_wire(),
        }
        self._rules_file.write(row)

    def _write_outage(self, outage: Outage) -> None:
        row = {
            "symbol": outage.symbol,
            "state": outage.state.name,
            "start_ns": outage.start_ns,
            "end_ns": outage.end_ns,
            "why": outage.why,
        }
        self._outages_file.write(row)


def last_files(folder: Path) -> list[Path]:
    """The last capture file of each stream, by name and by time of change: no other can have a torn end."""
    streams: dict[str, list[Path]] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        streams.setdefault(path.name.rpartition("-")[0], []).append(path)
    return sorted({path for paths in streams.values() for path in (paths[-1], max(paths, key=_changed_ns))})


def _changed_ns(path: Path) -> int:
    return path.stat().st_mtime_ns


def write_rules(folder: Path, rules: Mapping[str, SymbolRules]) -> None:
    """Keep the rules as BitMart's symbols/details reply.

    Raises:
        RecordingError: the folder has other rules of a symbol; its captures would be misread.
    """
    path = folder / RULES_NAME
    known = load_rules(path) if path.exists() else {}
    for symbol, one in rules.items():
        before = known.get(symbol)
        if before is not None and (before.tick, before.lot) != (one.tick, one.lot):
            raise RecordingError(
                folder, f"has a recording of {symbol} with another tick or lot; record into a new folder"
            )
    rows = [one.to_wire() for one in (known | dict(rules)).values()]
    reply: dict[str, Any] = {"code": 1000, "trace": "recorder", "message": "OK", "data": {"symbols": rows}}
    scratch = path.with_suffix(".tmp")
    scratch.write_bytes(msgspec.json.format(msgspec.json.encode(reply)))
    scratch.replace(path)
