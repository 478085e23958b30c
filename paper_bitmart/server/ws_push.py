"""A push as the frame that goes out: encoded and compressed once, shared by all who hear it."""

import msgspec

from paper_bitmart.bitmart.frames import deflate
from paper_bitmart.bitmart.topics import Topic
from paper_bitmart.server.ws_outbox import Frame, FrameKind

DEFLATE_LEVEL = 1
"""Pushes are small and many: level 6 costs twice the time for some 5 % fewer bytes."""


class PushEncoder:
    """Makes frames: binary raw deflate, or plain text (protocol reference 6.1).

    Args:
        compress: False sends text, which clients take as well and people can read.
        encode: push Struct -> compact JSON.
    """

    def __init__(self, *, compress: bool = True) -> None:
        self._compress = compress
        self._encode = msgspec.json.Encoder().encode

    def frame(self, topic: Topic, push: msgspec.Struct) -> Frame:
        """The frame of one push of `topic`."""
        body = self._encode(push)
        if self._compress:
            return Frame(FrameKind.BINARY, deflate(body, DEFLATE_LEVEL), str(topic))
        return Frame(FrameKind.TEXT, body, str(topic))
