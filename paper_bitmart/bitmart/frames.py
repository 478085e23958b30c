"""Websocket payloads: raw DEFLATE, one complete stream per frame, no zlib header (protocol reference 6.1)."""

import zlib
from typing import Final

_RAW: Final = -zlib.MAX_WBITS

INFLATED_BYTES_MAX: Final = 10 * 2**20
"""Largest payload accepted by default, as the most generous known client (protocol reference 6.1)."""


class FrameError(ValueError):
    """A compressed payload cannot be inflated.

    Attributes:
        why: the broken rule.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class FrameTooLarge(FrameError):
    """A small frame that inflates to more than the limit.

    Attributes:
        limit_bytes: the largest payload accepted.
    """

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"inflates to more than {limit_bytes} bytes")
        self.args = (limit_bytes,)
        self.limit_bytes = limit_bytes


def deflate(payload: bytes, level: int = 6) -> bytes:
    """Compress one payload; `level` 1 (fast) to 9 (small)."""
    compressor = zlib.compressobj(level, wbits=_RAW)
    return compressor.compress(payload) + compressor.flush()


def inflate(frame: bytes, bytes_max: int = INFLATED_BYTES_MAX) -> bytes:
    """Decompress one frame.

    Args:
        frame: a complete raw DEFLATE stream.
        bytes_max: largest payload accepted; no more than that is ever held in memory.

    Raises:
        FrameTooLarge: the payload is longer than `bytes_max`.
        FrameError: corrupt, cut short, or followed by other bytes.
    """
    inflater = zlib.decompressobj(wbits=_RAW)
    try:
        # One byte more than allowed tells "exactly full" from "too large".
        payload = inflater.decompress(frame, bytes_max + 1)
    except zlib.error as error:
        raise FrameError(f"not a raw DEFLATE stream: {error}") from error
    if len(payload) > bytes_max:
        raise FrameTooLarge(bytes_max)
    if not inflater.eof:
        raise FrameError("cut short: the DEFLATE stream does not end")
    if inflater.unused_data:
        raise FrameError(f"{len(inflater.unused_data)} bytes follow the end of the DEFLATE stream")
    return payload


def decode_frame(frame: bytes | str, bytes_max: int = INFLATED_BYTES_MAX) -> bytes:
    """Payload of a push: a binary frame is inflated, a text frame is taken as it is (protocol reference 6.1).

    Raises:
        FrameTooLarge, FrameError: as `inflate`; a text frame is bounded likewise.
    """
    if isinstance(frame, bytes):
        return inflate(frame, bytes_max)
    payload = frame.encode()
    if len(payload) > bytes_max:
        raise FrameTooLarge(bytes_max)
    return payload
