"""Raw captures: lines `<receive_ns> <json>` as they came off the wire, plain, gzip or zstd.

A capture is lossless: it keeps the messages, not their meaning. `convert.py` turns it into events.
"""

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import msgspec

from paper_bitmart.feed.compression import (
    DAMAGED,
    Compression,
    StreamCut,
    compression_of,
    open_writer,
    read_pieces,
)

LINE_BYTES_MAX = 16 << 20
"""A snapshot of 5,000 levels is some 100 kB; a longer line than this is no capture."""
TIME_NS_MAX = 2**63 - 1
INDEX_STRIDE_LINES = 1024
INDEX_MARKS_MAX = 65_536


class CaptureError(Exception):
    """A capture file cannot be read as one: says which file, which line and what is wrong there.

    Line 0 is the file as a whole.
    """

    def __init__(self, path: Path | str, line: int, why: str, field: str = "") -> None:
        self.path = Path(path)
        self.line = line
        self.field = field
        self.why = why
        place = f"{self.path}" + (f":{line}" if line else "") + (f":{field}" if field else "")
        super().__init__(f"{place}: {why}")


class RawMessage(NamedTuple):
    """One line of a capture.

    recv_ns: receive time, ns since 1970 of the recorder's clock, never falling within a file.
    payload: the message's JSON text. line: 1-based line number.
    """

    recv_ns: int
    payload: bytes
    line: int


class _Mark(NamedTuple):
    recv_ns: int
    offset: int
    line: int


class TimeIndex:
    """Where times stand in a capture: one mark per `stride` lines, at most `INDEX_MARKS_MAX` of them.

    Offsets count plain (decompressed) bytes.
    """

    def __init__(self, stride: int = INDEX_STRIDE_LINES) -> None:
        self.stride = stride
        self.marks: list[_Mark] = []

    def add(self, recv_ns: int, offset: int, line: int) -> None:
        """Offer each line's start in file order; keeps every `stride`-th, thinning out when full."""
        if (line - 1) % self.stride:
            return
        self.marks.append(_Mark(recv_ns, offset, line))
        if len(self.marks) > INDEX_MARKS_MAX:
            self.stride *= 2
            self.marks = self.marks[::2]

    def before(self, at_ns: int) -> _Mark:
        """The last mark before which no line is at or after `at_ns`; the file's start if there is none."""
        # Strictly earlier: lines before a mark may share its receive time.
        i = bisect_left(self.marks, at_ns, key=lambda mark: mark.recv_ns)
        return self.marks[i - 1] if i else _Mark(0, 0, 1)


class CaptureReader:
    """Reads a capture line by line with bounded memory; may be iterated several times.

    Attributes:
        compression: `plain`, `gzip` or `zstd`, told by the file's first bytes.
        truncated: "" or, once an iteration has reached the end, what is missing there: a recorder that
            was killed leaves half a line or half a compressed block, and what precedes it is good.

    Raises while iterating:
        CaptureError: a line is malformed, its time is earlier than the line before, or the compressed
            bytes are damaged. OSError: as `open`.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.truncated = ""
        self._index: TimeIndex | None = None
        with self.path.open("rb") as file:
            self.compression: Compression = compression_of(file)

    def __iter__(self) -> Iterator[RawMessage]:
        return self._parse(_Mark(0, 0, 1))

    def from_time(self, at_ns: int) -> Iterator[RawMessage]:
        """Iterate from the first line received at or after `at_ns`.

        Cost: the first call reads the whole file once to build the index; then a plain file is entered
        at most one stride before the place, a compressed one is decompressed up to it unparsed.
        """
        for raw in self._parse(self.index().before(at_ns)):
            if raw.recv_ns >= at_ns:
                yield raw

    def index(self) -> TimeIndex:
        """The capture's time index, built on the first call."""
        if self._index is None:
            index = TimeIndex()
            for number, offset, line in self._lines(_Mark(0, 0, 1)):
                if (number - 1) % index.stride == 0:
                    index.add(self._split(line, number).recv_ns, offset, number)
            self._index = index
        return self._index

    def _parse(self, start: _Mark) -> Iterator[RawMessage]:
        last_ns = start.recv_ns
        for number, _, line in self._lines(start):
            raw = self._split(line, number)
            if raw.recv_ns < last_ns:
                raise CaptureError(
                    self.path, number, f"{raw.recv_ns} is {last_ns - raw.recv_ns} ns before the line above",
                    "receive_ns",
                )  # fmt: skip
            last_ns = raw.recv_ns
            yield raw

    def _split(self, line: bytes, number: int) -> RawMessage:
        stamp, _, payload = line.partition(b" ")
        if not stamp.isdigit() or len(stamp) > 19 or (recv_ns := int(stamp)) > TIME_NS_MAX:
            raise CaptureError(
                self.path, number, f"expected nanoseconds since 1970, got {_shown(stamp)}", "receive_ns"
            )
        if not payload.startswith(b"{") or not payload.endswith(b"}"):
            raise CaptureError(
                self.path, number, f"expected a JSON object after the time, got {_shown(payload)}"
            )
        return RawMessage(recv_ns, payload, number)

    def _lines(self, start: _Mark) -> Iterator[tuple[int, int, bytes]]:
        """Yield (line number, offset, line without its end) from `start`; sets `truncated` at the end."""
        self.truncated = ""
        number, offset, rest = start.line, start.offset, b""
        cut = ""
        pieces = self._pieces(start.offset)
        while True:
            try:
                piece = next(pieces, None)
            except StreamCut as error:
                cut, piece = str(error), None
            except DAMAGED as error:
                raise CaptureError(self.path, number, f"compressed data is damaged: {error}") from error
            if piece is None:
                break
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            for line in lines:
                yield number, offset, line.removesuffix(b"\r")
                number += 1
                offset += len(line) + 1
            if len(rest) > LINE_BYTES_MAX:
                raise CaptureError(self.path, number, f"line is longer than {LINE_BYTES_MAX} bytes")
        if rest and _is_whole(rest):
            yield number, offset, rest
        elif rest:
            cut = f"{cut or 'the file ends inside a line'}; line {number} is incomplete and left out"
        self.truncated = cut

    def _pieces(self, skip: int) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            if self.compression == "plain":
                file.seek(skip)
                skip = 0
            for piece in read_pieces(file, self.compression):
                if skip >= len(piece):
                    skip -= len(piece)
                    continue
                yield piece[skip:]
                skip = 0


def _is_whole(line: bytes) -> bool:
    """Whether a last line without a line end is all there: only then is its JSON complete."""
    try:
        msgspec.json.decode(line.partition(b" ")[2])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _shown(text: bytes) -> str:
    return repr(text[:40].decode("utf-8", "replace")) if text else "nothing"


_SUFFIXES: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}


class CaptureWriter:
    """Writes a capture; a context manager.

    Args:
        path: the file. Its suffix `.gz` or `.zst` chooses the compression unless `compression` does.
        mode: "x" refuses to overwrite (FileExistsError), "w" overwrites.
    """

    def __init__(
        self, path: Path | str, *, compression: Compression | None = None, mode: Literal["x", "w"] = "x"
    ) -> None:
        self.path = Path(path)
        self.compression: Compression = compression or _SUFFIXES.get(self.path.suffix, "plain")
        self.lines = 0
        self._last_ns = 0
        self._writer = open_writer(self.path.open("xb" if mode == "x" else "wb"), self.compression)

    def write(self, recv_ns: int, payload: bytes) -> None:
        """Append one message: `recv_ns` ns since 1970, not before the last; `payload` a JSON object.

        Raises:
            CaptureError: the line could not be read back; nothing was written.
        """
        if not self._last_ns <= recv_ns <= TIME_NS_MAX:
            raise CaptureError(
                self.path,
                self.lines + 1,
                f"{recv_ns} is before the last line's {self._last_ns}",
                "receive_ns",
            )
        if b"\n" in payload or not payload.startswith(b"{") or not payload.endswith(b"}"):
            raise CaptureError(
                self.path, self.lines + 1, f"not a JSON object on one line: {_shown(payload)}", "payload"
            )
        self._writer.write(b"%d %b\n" % (recv_ns, payload))
        self._last_ns = recv_ns
        self.lines += 1

    def flush(self) -> None:
        """Hand everything written so far to the operating system in readable form."""
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
