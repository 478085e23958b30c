"""Market events of one symbol as one growing compressed file: rows of EVENT_DTYPE, readable up to any cut."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from paper_bitmart.backtest.session_facts import SessionError
from paper_bitmart.feed.compression import DAMAGED, StreamCut, compression_of, open_writer, read_pieces
from paper_bitmart.feed.events import EVENT_DTYPE

ROW_BYTES = EVENT_DTYPE.itemsize


class RowWriter:
    """Appends rows; `flush` makes them readable. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._writer = open_writer(path.open("xb"), "zstd")

    def write(self, events: np.ndarray) -> None:
        """(n,) EVENT_DTYPE."""
        self._writer.write(events.tobytes())

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class RowReader:
    """Hands out the rows in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pieces = self._read()
        self._rest = b""

    def take(self, count: int) -> np.ndarray | None:
        """The next `count` rows; None if the file ends before.

        Raises:
            SessionError: the compressed bytes are damaged. OSError: as `open`.
        """
        parts, have = [self._rest], len(self._rest)
        while have < count * ROW_BYTES:
            piece = next(self._pieces, None)
            if piece is None:
                return None
            parts.append(piece)
            have += len(piece)
        data = b"".join(parts)
        self._rest = data[count * ROW_BYTES :]
        return np.frombuffer(data, EVENT_DTYPE, count)

    def _read(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            try:
                yield from read_pieces(file, compression_of(file))
            except StreamCut:
                return
            except DAMAGED as error:
                raise SessionError(self.path, f"compressed data is damaged: {error}") from error
