"""A capture file of independent zstd frames: what was flushed survives a kill -9, whatever comes after.

Lines are gathered and written as one whole frame by `flush`. A process that dies loses the lines since the
last flush; a machine that dies, those since the last `sync`.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import zstandard

from paper_bitmart.feed.compression import ZSTD_READ_BYTES
from paper_bitmart.feed.live.append_only import append_whole

LEVEL = 6
GATHERED_BYTES_MAX = 8 << 20
"""More than this is flushed at once, so that memory stays bounded in a burst."""


class FrameFile:
    """Appends lines to a new file.

    Attributes:
        path: of the file. lines: written or gathered. size: compressed bytes written.

    Raises:
        FileExistsError: the file is there already. OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.size = 0
        self._gathered = bytearray()
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        # "x": never written over. What is appended goes to the end, also after a piece was taken back.
        path.open("xb").close()
        self._file = io.FileIO(path, "a")

    def write(self, recv_ns: int, line: bytes) -> None:
        """Gather `<recv_ns> <line>`; `line` is a JSON object without line breaks."""
        self._gathered += b"%d %b\n" % (recv_ns, line)
        self.lines += 1
        if len(self._gathered) >= GATHERED_BYTES_MAX:
            self.flush()

    @property
    def is_flushed(self) -> bool:
        return not self._gathered

    def flush(self) -> None:
        """Hand what was gathered to the operating system as one frame.

        Raises:
            OSError: it was not taken and waits for the next attempt; the file ends with a whole frame.
        """
        if not self._gathered:
            return
        frame = self._compressor.compress(bytes(self._gathered))
        append_whole(self._file, frame, self.size)
        self.size += len(frame)
        self._gathered.clear()

    def sync(self) -> None:
        """Have the disk keep what was flushed."""
        os.fsync(self._file.fileno())

    def close(self, *, sync: bool = True) -> None:
        """Flush, have the disk keep it unless told otherwise, and close; a second time does nothing."""
        if self._file.closed:
            return
        try:
            self.flush()
            if sync:
                self.sync()
        finally:
            self._file.close()


def cut_torn_frame(path: Path) -> int:
    """Take away the torn frame at the end of a file whose writer was killed.

    Returns:
        Bytes cut; 0 for a whole file. A torn frame was never whole, so nothing that was flushed is lost.
    """
    whole = 0
    for end in _frame_ends(path):
        whole = end
    torn = path.stat().st_size - whole
    if torn:
        os.truncate(path, whole)
    return torn


def _frame_ends(path: Path) -> Iterator[int]:
    """Offset after each whole frame from the start on."""
    context = zstandard.ZstdDecompressor()
    decoder, offset = context.decompressobj(), 0
    with path.open("rb") as file:
        while chunk := file.read(ZSTD_READ_BYTES):
            while chunk:
                try:
                    decoder.decompress(chunk)
                except zstandard.ZstdError:
                    return
                if not decoder.eof:
                    offset += len(chunk)
                    break
                offset += len(chunk) - len(decoder.unused_data)
                yield offset
                chunk, decoder = decoder.unused_data, context.decompressobj()
