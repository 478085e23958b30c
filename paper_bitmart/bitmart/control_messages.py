"""Websocket control frames: what a client asks and what the server answers (protocol reference 6.3, 6.4).

Control frames are text and never have a `data` key: clients take anything with `data` for a push.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from paper_bitmart.bitmart.decoding import JsonDecoder
from paper_bitmart.bitmart.errors import WsRefused

PING: Final = "ping"
PONG: Final = "pong"
"""The text frames of the heartbeat; everything else that is text is JSON."""

UNREADABLE_OP: Final = "error"
"""The `event` of an error whose op could not be read: clients expect the key in every control frame."""


class ClientMessage(msgspec.Struct, kw_only=True):
    """What a client sends: `op` is subscribe, unsubscribe, request or login.

    `args` are topics, or key, timestamp and signature of a login.
    """

    op: str
    args: list[str]


class ControlFrame(msgspec.Struct, kw_only=True):
    """What the server answers: an acknowledgement, or with `errorCode` an error.

    `topic` is set when the frame belongs to one topic; a login's has none.
    """

    event: str
    topic: str | UnsetType = UNSET
    errorCode: str | UnsetType = UNSET
    errorMessage: str | UnsetType = UNSET

    @property
    def is_error(self) -> bool:
        return self.errorCode is not UNSET


def client_message(op: str, args: Sequence[str]) -> bytes:
    """A subscribe, unsubscribe, request or login, ready to send as a text frame."""
    return msgspec.json.encode(ClientMessage(op=op, args=list(args)))


def ack(op: str, topic: str) -> bytes:
    """The answer to one topic of a subscribe or unsubscribe."""
    return msgspec.json.encode(ControlFrame(event=op, topic=topic))


def login_ack() -> bytes:
    """The answer to a good login, sent once per connection."""
    return msgspec.json.encode(ControlFrame(event="login"))


def error_frame(refused: WsRefused) -> bytes:
    """The answer to a message that is refused."""
    frame = ControlFrame(
        event=refused.event or UNREADABLE_OP,
        topic=refused.topic or UNSET,
        errorCode=str(refused.code),
        errorMessage=refused.message,
    )
    return msgspec.json.encode(frame)


CLIENT_MESSAGE: Final = JsonDecoder[ClientMessage](ClientMessage)
CONTROL_FRAME: Final = JsonDecoder[ControlFrame](ControlFrame)
