"""Decoded messages sorted by what a mirror does with them."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from paper_bitmart.bitmart.control_messages import ControlFrame
from paper_bitmart.bitmart.public_messages import (
    BookTicker,
    BookTickerPush,
    Depth,
    Depth50Push,
    DepthChange,
    DepthChangePush,
    Trade,
    TradePush,
    decode_public,
)

DISCONNECTED = "paper/disconnected"
"""`event` of the line that our recorder writes when its connection is lost."""

REFUSED = "paper/refused"
"""`event` of the line that stands for a frame which the live feed did not believe: `topic` is the symbol,
or absent when nobody can tell; `errorMessage` says why; `frame` keeps the frame. The book is out of sync."""

Item = Depth | DepthChange | Trade | BookTicker


class PushKind(Enum):
    INCREMENT = "spot/depth/increase100"
    FULL_DEPTH = "spot/depth50"
    TRADE = "spot/trade"
    BBO = "spot/bookTicker"
    IGNORED = "known, but not part of the mirrored market"
    CONTROL = "acknowledgements, errors, connection marks"


class Push(NamedTuple):
    """A decoded message. `items` is empty for IGNORED and CONTROL; `name` is the table or the event."""

    kind: PushKind
    name: str
    items: Sequence[Item]
    error: str = ""
    topic: str = ""


_MIRRORED: dict[type, PushKind] = {
    DepthChangePush: PushKind.INCREMENT,
    Depth50Push: PushKind.FULL_DEPTH,
    TradePush: PushKind.TRADE,
    BookTickerPush: PushKind.BBO,
}


_SYMBOL = b'"symbol":"'


def first_symbol(payload: bytes) -> bytes:
    """What follows the first `"symbol":"` of a message: whose push it probably is, without decoding it."""
    start = payload.find(_SYMBOL) + len(_SYMBOL)
    return payload[start : payload.find(b'"', start)]


def decode_push(payload: bytes) -> Push:
    """Decode one message from the wire (after inflating).

    Raises:
        MessageError: as `decode_public`: not JSON, an unknown table, a field missing or of a wrong type.
    """
    message = decode_public(payload)
    if isinstance(message, ControlFrame):
        topic = "" if message.topic is UNSET else message.topic
        return Push(PushKind.CONTROL, message.event, [], _error_of(message), topic)
    kind = _MIRRORED.get(type(message))
    if kind is None:
        return Push(PushKind.IGNORED, message.table, [])
    # mypy cannot tie the kind to the items; the mirror looks at each item's type anyway.
    return Push(kind, kind.value, message.data)  # type: ignore[arg-type]


def refused_line(why: str, frame: bytes | str, symbol: str = "") -> bytes:
    """The line that a recording keeps in place of `frame`; "" as symbol is the whole connection."""
    text = frame if isinstance(frame, str) else frame.decode("utf-8", "backslashreplace")
    line: dict[str, str] = {"event": REFUSED, "errorCode": "", "errorMessage": why, "frame": text}
    if symbol:
        line["topic"] = symbol
    return msgspec.json.encode(line)


def _error_of(frame: ControlFrame) -> str:
    if not frame.is_error:
        return ""
    message = "" if frame.errorMessage is UNSET else frame.errorMessage
    return f"{frame.errorCode} {message}".strip()
