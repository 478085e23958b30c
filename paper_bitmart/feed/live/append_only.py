"""Files that only grow, by whole pieces: a piece is there or not, whatever happens to writer and disk."""

import io
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

TAIL_BYTES = 1 << 16
"""Longer than any row."""


def append_whole(file: io.FileIO, piece: bytes, size: int) -> None:
    """Write a piece to the end of a file of `size` bytes, opened unbuffered for appending.

    Raises:
        OSError: it could not be written whole; nothing of it is left in the file.
    """
    view = memoryview(piece)
    try:
        while view:
            view = view[file.write(view) or 0 :]
    except OSError:
        # Half a piece would hide what a later attempt writes after it.
        os.ftruncate(file.fileno(), size)
        raise


class LineFile:
    """Appends rows as JSON lines; each is with the operating system when `write` returns.

    What a kill left behind the last whole line is cut off at the opening.

    Raises:
        OSError: it cannot be opened, read or written.
    """

    def __init__(self, path: Path) -> None:
        # Opened for appending, and unbuffered: every write goes to the end, and at once.
        self._file = io.FileIO(path, "a+")
        _cut_torn_line(self._file)
        self._size = os.fstat(self._file.fileno()).st_size

    def write(self, row: Mapping[str, object]) -> None:
        """Append a row. Raises OSError: it is not there."""
        line = msgspec.json.encode(row) + b"\n"
        append_whole(self._file, line, self._size)
        self._size += len(line)

    def close(self) -> None:
        self._file.close()


def _cut_torn_line(file: io.FileIO) -> None:
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - TAIL_BYTES))
    torn = len(file.readall().rpartition(b"\n")[2])
    if torn:
        os.ftruncate(file.fileno(), size - torn)
