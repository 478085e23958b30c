"""One stream of a recording: capture files one after another, each readable by itself.

Beside the messages a file holds lines of ours, which all readers of captures understand or pass over:

    {"event":"paper/recorder",...}      first line: source, process, how receive times were made
    {"event":"paper/clock",...}         the wall clock and the monotonic clock at one moment
    {"event":"paper/disconnected"}      the connection was lost (or the recorder was not running)
    {"event":"paper/refused",...}       a frame that was not believed, with the frame

After a rotation the books as they stand are written as snapshots, marked `"carried":true`, so that the new
file needs no other; joined files may be read as one, because such a snapshot changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from paper_bitmart.bitmart.public_messages import Depth, DepthChange
from paper_bitmart.bitmart.topics import DEPTH50, DEPTH_INCREMENT
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live.frame_file import FrameFile
from paper_bitmart.feed.mirror import Mirror
from paper_bitmart.feed.pushes import DISCONNECTED

Fsync = Literal["never", "rotate", "second"]
"""When the disk must have it: left to the system, when a file is complete, or with every flush."""

RECORDER: Final = "paper/recorder"
CLOCK: Final = "paper/clock"
SUFFIX: Final = ".jsonl.zst"
NS_PER_S: Final = 10**9
NS_PER_MS: Final = 10**6
CLOCK_EVERY_NS: Final = 10 * NS_PER_S
ROTATE_LATE_NS_MAX: Final = 60 * NS_PER_S
"""A rotation waits so long for books that are not LIVE: they could not be carried over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """Attributes:
    flush_ns: a line is with the operating system after so long; with the time until somebody looks, a second.
    rotate_ns, rotate_bytes: a new file by age, or by compressed size.
    fsync: see `Fsync`.
    """

    flush_ns: int = 800_000_000
    rotate_ns: int = 3_600 * NS_PER_S
    rotate_bytes: int = 256 << 20
    fsync: Fsync = "rotate"


@dataclass(frozen=True, slots=True)
class Clocks:
    """How receive times relate to the machine's clocks: recv_ns = monotonic_ns + `offset_ns`.

    Attributes:
        wall_ns, monotonic_ns: read the machine.
    """

    offset_ns: int
    wall_ns: Callable[[], int]
    monotonic_ns: Callable[[], int]


class CaptureStream:
    """Writes the files `<folder>/<name>-<UTC time to the millisecond>.jsonl.zst`; by name they are in order.

    Args:
        mirrors: of the stream's symbols, carried over rotations; empty for a raw stream.
        head: fields of the first line of each file.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        settings: StreamSettings,
        clocks: Clocks,
        mirrors: Mapping[str, Mirror],
        head: Mapping[str, object],
        at_ns: int,
    ) -> None:
        self.lines = 0
        self.files: list[Path] = []
        self._folder, self._name, self._settings, self._clocks = folder, name, settings, clocks
        self._mirrors, self._head = mirrors, dict(head)
        self._closed_bytes = 0
        self._flush_due_ns = self._clock_due_ns = self._opened_ns = 0
        self._last_ns = 0
        self._file = self._open(at_ns)
        # Whatever came before, the recorder did not see what was between.
        self._file.write(at_ns, _mark(DISCONNECTED))

    @property
    def size(self) -> int:
        """Compressed bytes of all files."""
        return self._closed_bytes + self._file.size

    def write(self, recv_ns: int, line: bytes) -> None:
        """One message, a JSON object. Raises OSError."""
        # Line breaks between JSON tokens mean nothing, and inside strings they are escaped.
        self._put(recv_ns, line.replace(b"\n", b" ").replace(b"\r", b" ").strip())
        if recv_ns >= self._flush_due_ns:
            self.flush(recv_ns)

    def flush(self, at_ns: int) -> None:
        """Write out what waits if its time has come; rotate if that is due. Raises OSError."""
        if not self._file.is_flushed and at_ns >= self._flush_due_ns:
            if at_ns >= self._clock_due_ns:
                self._clock_due_ns = at_ns + CLOCK_EVERY_NS
                self._put(at_ns, self._clock_line())
            self._file.flush()
            if self._settings.fsync == "second":
                self._file.sync()
            self._flush_due_ns = at_ns + self._settings.flush_ns
        if self._is_rotation_due(at_ns):
            self._rotate(at_ns)

    def close(self) -> None:
        """Complete the file."""
        self._file.close(sync=self._settings.fsync != "never")

    def _put(self, recv_ns: int, line: bytes) -> None:
        self._last_ns = max(self._last_ns, recv_ns)
        self._file.write(self._last_ns, line)
        self.lines += 1

    def _is_rotation_due(self, at_ns: int) -> bool:
        due_ns = self._opened_ns + self._settings.rotate_ns
        if at_ns < due_ns and self._file.size < self._settings.rotate_bytes:
            return False
        settled = all(mirror.state is not FeedState.SYNCING for mirror in self._mirrors.values())
        return settled or at_ns >= due_ns + ROTATE_LATE_NS_MAX

    def _rotate(self, at_ns: int) -> None:
        self.close()
        self._closed_bytes += self._file.size
        self._file = self._open(at_ns)
        for mirror in self._mirrors.values():
            if mirror.state is FeedState.LIVE:
                self._put(at_ns, carried_snapshot(mirror))

    def _open(self, at_ns: int) -> FrameFile:
        self._opened_ns = at_ns
        self._flush_due_ns = self._clock_due_ns = at_ns
        ms = at_ns // NS_PER_MS
        while (path := self._path(ms)).exists():
            ms += 1
        file = FrameFile(path)
        self.files.append(path)
        head = {"event": RECORDER, "stream": self._name, "offset_ns": self._clocks.offset_ns, **self._head}
        file.write(at_ns, msgspec.json.encode(head))
        return file

    def _path(self, ms: int) -> Path:
        stamp = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y%m%dT%H%M%S")
        return self._folder / f"{self._name}-{stamp}{ms % 1000:03d}Z{SUFFIX}"

    def _clock_line(self) -> bytes:
        wall_ns, monotonic_ns = self._clocks.wall_ns(), self._clocks.monotonic_ns()
        return msgspec.json.encode({"event": CLOCK, "wall_ns": wall_ns, "monotonic_ns": monotonic_ns})


def carried_snapshot(mirror: Mirror) -> bytes:
    """A mirror's book as the snapshot that the venue would have sent."""
    rules = mirror.rules
    bids = [
        (rules.format_price(price), rules.format_size(size)) for price, size in reversed(mirror.bids.items())
    ]
    asks = [(rules.format_price(price), rules.format_size(size)) for price, size in mirror.asks.items()]
    ms = mirror.exch_ns // NS_PER_MS
    item: Depth | DepthChange
    if mirror.version < 0:
        table, item = DEPTH50, Depth(symbol=mirror.symbol, asks=asks, bids=bids, ms_t=ms)
    else:
        table = DEPTH_INCREMENT
        item = DepthChange(
            symbol=mirror.symbol, asks=asks, bids=bids, ms_t=ms, type="snapshot", version=mirror.version
        )
    return msgspec.json.encode({"table": table, "data": [item], "carried": True})


def _mark(event: str) -> bytes:
    return msgspec.json.encode({"event": event})
