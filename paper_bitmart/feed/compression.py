"""Compressed streams of capture files: told by content, read in bounded pieces, cut ends reported."""

import io
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Literal, Protocol

import zstandard

Compression = Literal["plain", "gzip", "zstd"]

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

GZIP_READ_BYTES = 1 << 16
GZIP_PIECE_BYTES = 1 << 20
# A zstd block of 4 bytes can stand for 128 KiB, and the decoder has no output limit: small reads bound it.
ZSTD_READ_BYTES = 1 << 11
ZSTD_WINDOW_BYTES_MAX = 1 << 27

DAMAGED = (zlib.error, zstandard.ZstdError)
"""What a decoder raises when the compressed bytes themselves are wrong (not merely cut off)."""


class StreamCut(Exception):
    """The compressed stream ends before its end mark: everything before was delivered."""


def compression_of(file: BinaryIO) -> Compression:
    """Tell the compression by the first bytes; the file is left at its start."""
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(GZIP_MAGIC):
        return "gzip"
    if magic == ZSTD_MAGIC:
        return "zstd"
    return "plain"


def read_pieces(file: BinaryIO, compression: Compression) -> Iterator[bytes]:
    """Yield the plain bytes of `file` in bounded pieces.

    Raises:
        StreamCut: after the last whole piece of a stream that was cut off.
        zlib.error, zstandard.ZstdError: the compressed bytes are damaged.
    """
    if compression == "gzip":
        return _gzip_pieces(file)
    if compression == "zstd":
        return _zstd_pieces(file)
    return iter(lambda: file.read(GZIP_PIECE_BYTES), b"")


def _gzip_pieces(file: BinaryIO) -> Iterator[bytes]:
    decoder = zlib.decompressobj(wbits=31)
    started = False
    while chunk := file.read(GZIP_READ_BYTES):
        while chunk:
            started = True
            piece = decoder.decompress(chunk, GZIP_PIECE_BYTES)
            if piece:
                yield piece
            chunk = decoder.unconsumed_tail
            if decoder.eof:
                # A capture that was appended to is several gzip members in a row.
                chunk, decoder, started = decoder.unused_data, zlib.decompressobj(wbits=31), False
    if started:
        if rest := decoder.flush():
            yield rest
        if not decoder.eof:
            raise StreamCut("the gzip stream ends early")


def _zstd_pieces(file: BinaryIO) -> Iterator[bytes]:
    context = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES_MAX)
    decoder = context.decompressobj()
    started = False
    while chunk := file.read(ZSTD_READ_BYTES):
        while chunk:
            started = True
            piece = decoder.decompress(chunk)
            if piece:
                yield piece
            if not decoder.eof:
                break
            chunk, decoder, started = decoder.unused_data, context.decompressobj(), False
    if started:
        raise StreamCut("the zstd stream ends early")


class PieceWriter(Protocol):
    """Takes plain bytes, writes them compressed; `flush` makes everything so far readable."""

    def write(self, data: bytes) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class _PlainWriter:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class _GzipWriter:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._encoder = zlib.compressobj(level=6, wbits=31)

    def write(self, data: bytes) -> None:
        self._file.write(self._encoder.compress(data))

    def flush(self) -> None:
        self._file.write(self._encoder.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def close(self) -> None:
        self._file.write(self._encoder.flush(zlib.Z_FINISH))
        self._file.close()


class _ZstdWriter:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._encoder = zstandard.ZstdCompressor(level=9).compressobj()

    def write(self, data: bytes) -> None:
        self._file.write(self._encoder.compress(data))

    def flush(self) -> None:
        self._file.write(self._encoder.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        self._file.flush()

    def close(self) -> None:
        self._file.write(self._encoder.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
        self._file.close()


_WRITERS: dict[Compression, Callable[[BinaryIO], PieceWriter]] = {
    "plain": _PlainWriter,
    "gzip": _GzipWriter,
    "zstd": _ZstdWriter,
}


def open_writer(file: BinaryIO | io.BufferedWriter, compression: Compression) -> PieceWriter:
    """Wrap an open binary file; closing the writer closes the file."""
    return _WRITERS[compression](file)
