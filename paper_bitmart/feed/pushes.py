"""Public pushes as a mirror reads them: one decode per message, errors that name the field.

Only the fields that carry the market are decoded; anything else in a message is ignored.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

import msgspec

Levels = list[tuple[str, str]]
"""(price, size) as decimal text, sizes absolute."""

MS_T_MAX = (2**63 - 1) // 10**6
LEVELS_PER_SIDE_MAX = 5_000
TRADES_PER_MESSAGE_MAX = 100_000


class BadMessage(ValueError):
    """A message cannot be understood.

    Attributes:
        field: where, e.g. `data[0].asks[3][1]`; "" for the message as a whole.
        why: the broken rule.
    """

    def __init__(self, field: str, why: str) -> None:
        super().__init__(field, why)
        self.field = field
        self.why = why

    def __str__(self) -> str:
        return f"{self.field}: {self.why}" if self.field else self.why


class UnknownTable(BadMessage):
    """A push of a channel that BitMart's spot API does not have (protocol reference 6.5, 6.12, 6.13)."""


class DepthItem(msgspec.Struct, gc=False):
    """`spot/depth/increase100` (reference 6.9) or, without `type` and `version`, `spot/depth50` (6.8)."""

    symbol: str
    asks: Levels
    bids: Levels
    ms_t: int
    type: str = ""
    version: int = -1


class TradeItem(msgspec.Struct, gc=False):
    """`spot/trade` (reference 6.10); `side` is the taker's."""

    symbol: str
    price: str
    size: str
    side: str
    ms_t: int


class BboItem(msgspec.Struct, gc=False):
    """`spot/bookTicker` (reference 6.11)."""

    symbol: str
    bid_px: str
    bid_sz: str
    ask_px: str
    ask_sz: str
    ms_t: int


Item = DepthItem | TradeItem | BboItem


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
    items: list[Item]
    error: str = ""


DISCONNECTED = "paper/disconnected"
"""`event` of the line that our recorder writes when its connection is lost."""


class _Frame(msgspec.Struct, gc=False):
    table: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    event: str = ""
    errorCode: str = ""
    errorMessage: str = ""


_decode_frame = msgspec.json.Decoder(_Frame).decode
_decode_depth = msgspec.json.Decoder(list[DepthItem]).decode
_MIRRORED: dict[str, tuple[PushKind, Callable[[bytes | msgspec.Raw], list[Any]]]] = {
    "spot/depth/increase100": (PushKind.INCREMENT, _decode_depth),
    "spot/depth50": (PushKind.FULL_DEPTH, _decode_depth),
    "spot/trade": (PushKind.TRADE, msgspec.json.Decoder(list[TradeItem]).decode),
    "spot/bookTicker": (PushKind.BBO, msgspec.json.Decoder(list[BboItem]).decode),
}
_KNOWN_TABLE = re.compile(
    r"spot/(ticker|depth5|depth20|kline(\d{1,3}[mH]|1D|1W|1M)|user/(orders?|balance))(:[^\s]+)?"
)
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


def decode_push(payload: bytes) -> Push:
    """Decode one message from the wire (after inflating).

    Raises:
        BadMessage: not JSON, a field missing or of a wrong type, or more entries than the limits.
        UnknownTable: a channel BitMart does not have.
    """
    try:
        frame = _decode_frame(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(error, "") from error
    known = _MIRRORED.get(frame.table)
    if known is None:
        return _other(frame)
    kind, decode = known
    try:
        items = decode(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(error, "data") from error
    return Push(kind, frame.table, items)


def _other(frame: _Frame) -> Push:
    if frame.table:
        if not _KNOWN_TABLE.fullmatch(frame.table):
            raise UnknownTable("table", f"BitMart has no channel {frame.table[:60]!r}")
        return Push(PushKind.IGNORED, frame.table, [])
    if not frame.event:
        raise BadMessage("", "neither a push (table) nor an event")
    error = f"{frame.errorCode} {frame.errorMessage}" if frame.errorCode else ""
    return Push(PushKind.CONTROL, frame.event, [], error)


def _bad(error: Exception, root: str) -> BadMessage:
    text = str(error)
    found = _PLACE.search(text)
    if not found:
        return BadMessage(root, text)
    path = found.group(1)
    field = root + path if path.startswith("[") or not root else f"{root}.{path}"
    return BadMessage(field, text[: found.start()])
