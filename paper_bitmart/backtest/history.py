"""History files: one symbol's market events column by column, longer than memory without trouble.

A history is a folder: `meta.json` and one file per column of EVENT_DTYPE. Plain columns are `.npy` files
that are mapped, not read; packed ones are zstd frames of `rows_per_frame` rows, 64-bit columns as
differences, which makes them small.

HistoryError    a folder, and why it is no history
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Protocol, Self

import numpy as np
import zstandard

from paper_bitmart.bitmart.rules import SymbolRules, parse_rules
from paper_bitmart.feed.events import EVENT_DTYPE

FORMAT = "paper_bitmart history 1"
META = "meta.json"
COLUMNS = tuple(EVENT_DTYPE.names or ())
ROWS_PER_FRAME = 262_144
"""Rows of a packed frame, and of a chunk unless asked otherwise: 10 MB of events."""
ZSTD_LEVEL = 3


class HistoryError(ValueError):
    """A history cannot be read or written. Carries `path` and `why`."""

    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = Path(path), why


class _Frame(NamedTuple):
    """A packed piece of a column: first row, rows, and where its bytes are."""

    row: int
    rows: int
    offset: int
    length: int


class _Column(Protocol):
    def read(self, start: int, stop: int) -> np.ndarray: ...


class HistoryWriter:
    """Writes a history chunk by chunk; it appears under its name only once it is whole.

    Args:
        path: the folder; must not exist.
        rules: of the symbol; kept in the history.
        packed: compress the columns (about a sixth of the bytes, read at a tenth of the speed).
        source: what the events were made of, for people.

    Raises:
        HistoryError: `path` exists.
    """

    def __init__(
        self, path: Path | str, rules: SymbolRules, *, packed: bool = False, source: str = ""
    ) -> None:
        self.path = Path(path)
        if self.path.exists():
            raise HistoryError(self.path, "exists already")
        self._partial = self.path.with_name(self.path.name + ".partial")
        if self._partial.exists():
            shutil.rmtree(self._partial)
        self._partial.mkdir(parents=True)
        self._rules, self._packed, self._source = rules, packed, source
        self._rows = self._first_ns = self._last_ns = 0
        self._frames: dict[str, list[_Frame]] = {name: [] for name in COLUMNS}
        self._files: dict[str, BinaryIO] = {}
        for name in COLUMNS:
            self._files[name] = (self._partial / _file_name(name, packed)).open("wb")
            if not packed:
                _write_header(self._files[name], EVENT_DTYPE[name], 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def write(self, events: np.ndarray) -> None:
        """Append (n,) EVENT_DTYPE, ordered by recv_ns and not before what was written.

        Raises:
            HistoryError: wrong dtype, or times going back, by row. OSError: the disk.
        """
        if events.dtype != EVENT_DTYPE:
            raise HistoryError(self.path, f"expected EVENT_DTYPE, got {events.dtype}")
        if not len(events):
            return
        times = events["recv_ns"]
        back = np.flatnonzero(np.diff(times, prepend=max(self._last_ns, 0)) < 0)
        if len(back):
            raise HistoryError(self.path, f"receive time goes back at row {self._rows + int(back[0])}")
        for start in range(0, len(events), ROWS_PER_FRAME):
            self._append(events[start : start + ROWS_PER_FRAME])

    def close(self) -> None:
        """Finish the files and give the history its name."""
        for name, file in self._files.items():
            if not self._packed:
                file.seek(0)
                _write_header(file, EVENT_DTYPE[name], self._rows)
            file.close()
        meta = {
            "format": FORMAT, "symbol": self._rules.symbol, "rules": self._rules.to_wire(),
            "events": self._rows, "first_ns": self._first_ns, "last_ns": self._last_ns,
            "packed": self._packed, "source": self._source,
        }  # fmt: skip
        if self._packed:
            meta["frames"] = self._frames
        (self._partial / META).write_text(json.dumps(meta, indent=1))
        self._partial.rename(self.path)

    def discard(self) -> None:
        """Give up; nothing stays."""
        for file in self._files.values():
            file.close()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _append(self, events: np.ndarray) -> None:
        for name, file in self._files.items():
            column = np.ascontiguousarray(events[name])
            if self._packed:
                data = _pack(column)
                self._frames[name].append(_Frame(self._rows, len(column), file.tell(), len(data)))
            else:
                data = column.tobytes()
            file.write(data)
        if not self._rows:
            self._first_ns = int(events["recv_ns"][0])
        self._rows += len(events)
        self._last_ns = int(events["recv_ns"][-1])


class History:
    """A history on disk. Opening reads `meta.json` only; columns are mapped or unpacked as they are needed.

    Attributes:
        symbol, rules: what was traded. size: events. first_ns, last_ns: receive times, 0 when empty.
        source: what it was made of. is_packed: its columns are compressed.

    Raises:
        HistoryError: not a history, or a damaged one. RulesError: damaged rules.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        meta = self._meta()
        self.symbol = str(meta["symbol"])
        self.rules: SymbolRules = parse_rules(json.dumps([meta["rules"]]), f"{self.path / META}")[self.symbol]
        self.size, self.first_ns, self.last_ns = (int(meta[k]) for k in ("events", "first_ns", "last_ns"))
        self.source, self.is_packed = str(meta["source"]), bool(meta["packed"])
        self._columns = {name: self._column(name, meta) for name in COLUMNS}

    def __len__(self) -> int:
        return self.size

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Events [start, stop) as one (n,) EVENT_DTYPE; all of them by default."""
        stop = self.size if stop is None else min(stop, self.size)
        events = np.empty(max(0, stop - start), EVENT_DTYPE)
        for name, column in self._columns.items():
            events[name] = column.read(start, max(start, stop))
        return events

    def chunks(self, rows: int = ROWS_PER_FRAME, start: int = 0) -> Iterator[np.ndarray]:
        """All events from row `start`, at most `rows` at a time: memory does not grow with the length."""
        for first in range(start, self.size, rows):
            yield self.read(first, first + rows)

    def column(self, name: str) -> np.ndarray:
        """One whole column; of a plain history a read-only map of the file.

        Raises:
            KeyError: no such column.
        """
        return self._columns[name].read(0, self.size)

    def _meta(self) -> dict[str, Any]:
        try:
            meta = json.loads((self.path / META).read_text())
        except (FileNotFoundError, NotADirectoryError):
            raise HistoryError(self.path, f"is no history: it has no {META}") from None
        except json.JSONDecodeError as error:
            raise HistoryError(self.path / META, f"line {error.lineno}: {error.msg}") from error
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise HistoryError(self.path / META, f"format must be {FORMAT!r}")
        needed = ("symbol", "rules", "events", "first_ns", "last_ns", "source", "packed")
        for field in (*needed, *(("frames",) if meta.get("packed") else ())):
            if field not in meta:
                raise HistoryError(self.path / META, f"{field} is missing")
        return meta

    def _column(self, name: str, meta: Mapping[str, Any]) -> _Column:
        path = self.path / _file_name(name, self.is_packed)
        if self.is_packed:
            frames = [_Frame(*frame) for frame in meta["frames"][name]]
            return _PackedColumn(path, EVENT_DTYPE[name], frames)
        return _PlainColumn(path, EVENT_DTYPE[name], self.size)


class _PlainColumn:
    """A `.npy` file, mapped."""

    def __init__(self, path: Path, dtype: np.dtype, rows: int) -> None:
        try:
            self._array = np.load(path, mmap_mode="r" if rows else None, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise HistoryError(path, f"cannot be mapped: {error}") from error
        if self._array.dtype != dtype or self._array.shape != (rows,):
            found = f"{self._array.shape} {self._array.dtype}"
            raise HistoryError(path, f"expected {rows} rows of {dtype}, found {found}")

    def read(self, start: int, stop: int) -> np.ndarray:
        return self._array[start:stop]


class _PackedColumn:
    """zstd frames; the last one unpacked is kept, since chunks are read in order."""

    def __init__(self, path: Path, dtype: np.dtype, frames: list[_Frame]) -> None:
        self._path, self._dtype, self._frames = path, dtype, frames
        self._kept: tuple[int, np.ndarray] = (-1, np.empty(0, dtype))

    def read(self, start: int, stop: int) -> np.ndarray:
        pieces = [
            self._frame(i)[max(0, start - frame.row) : stop - frame.row]
            for i, frame in enumerate(self._frames)
            if frame.row < stop and start < frame.row + frame.rows
        ]
        return np.concatenate(pieces) if pieces else np.empty(0, self._dtype)

    def _frame(self, index: int) -> np.ndarray:
        kept = self._kept
        if kept[0] != index:
            frame = self._frames[index]
            with self._path.open("rb") as file:
                file.seek(frame.offset)
                data = file.read(frame.length)
            try:
                column = _unpack(data, self._dtype, frame.rows)
            except (zstandard.ZstdError, ValueError) as error:
                raise HistoryError(self._path, f"rows from {frame.row} are damaged: {error}") from error
            # Read and replaced as a whole: threads may share a history.
            self._kept = kept = index, column
        return kept[1]


def _file_name(column: str, packed: bool) -> str:
    return f"{column}.zst" if packed else f"{column}.npy"


def _write_header(file: BinaryIO, dtype: np.dtype, rows: int) -> None:
    """numpy pads the header so that a larger row count fits in the same place."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (rows,)}
    np.lib.format.write_array_header_1_0(file, header)


def _pack(column: np.ndarray) -> bytes:
    if column.dtype == np.int64:
        # Differences of int64 wrap, and so does the sum that undoes them.
        column = np.diff(column, prepend=np.int64(0))
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True).compress(column.tobytes())


def _unpack(data: bytes, dtype: np.dtype, rows: int) -> np.ndarray:
    raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=rows * dtype.itemsize)
    column = np.frombuffer(raw, dtype)
    if len(column) != rows:
        raise ValueError(f"{len(column)} rows instead of {rows}")
    return np.cumsum(column) if dtype == np.int64 else column
