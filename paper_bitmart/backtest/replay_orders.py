"""ORDERS files: the commands of a replay, one JSON object per line.

    {"ts":ns,"account":"a1","action":"submit","client_order_id":"x1","symbol":"BTC_USDT","side":"buy",
     "type":"limit_maker","price":"61000.10","size":"0.01"}          also "notional", "stpMode"
    {"ts":ns,"account":"a1","action":"cancel","client_order_id":"x1"}  also "symbol"

`ts` is when the client sends, on the capture's receive-time axis. What a line means for the exchange (tick,
minimum, balance) is judged by the exchange; here a line only has to be readable. Unknown fields are ignored.
"""

import gzip
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec

from paper_bitmart.bitmart.decimals import BadNumber, parse_decimal
from paper_bitmart.exchange.orders import NewOrder

LINE_BYTES_MAX = 64 * 1024
TIME_NS_MAX = 2**62
"""About the year 2116; leaves room for a latency on top."""
GZIP_MAGIC = b"\x1f\x8b"
NULL = msgspec.Raw(b"null")


class OrdersError(ValueError):
    """An ORDERS file cannot be read.

    Carries `path`, `line` (1-based; 0: the file as a whole), `field` ("": the line) and `why`.
    """

    def __init__(self, path: Path | str, line: int, field: str, why: str) -> None:
        place = f"{path}" + (f":{line}" if line else "") + (f":{field}" if field else "")
        super().__init__(f"{place}: {why}")
        self.path, self.line, self.field, self.why = Path(path), line, field, why


class ReplayCommand(NamedTuple):
    """One line: a submit has `order`, a cancel has None; `symbol` of a cancel may be None (any)."""

    ts_ns: int
    account: str
    client_order_id: str
    symbol: str | None
    order: NewOrder | None
    line: int


class OrdersFile(NamedTuple):
    """`commands` by time; `is_sorted`: they stood so in the file, else they were sorted stably."""

    commands: list[ReplayCommand]
    is_sorted: bool


class _Line(msgspec.Struct):
    """Numbers stay text until they are decimals: 61000.10 as a JSON number must not pass through a float."""

    ts: int
    account: str
    action: str
    client_order_id: str | None = None
    symbol: str | None = None
    side: str = ""
    type: str = ""
    price: msgspec.Raw = NULL
    size: msgspec.Raw = NULL
    notional: msgspec.Raw = NULL
    stpMode: str = "none"


_decode = msgspec.json.Decoder(_Line).decode
_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"missing required field `(\w+)`")


def load_orders(path: Path | str) -> OrdersFile:
    """Read a whole ORDERS file, plain or gzip.

    Returns:
        The commands by `ts`; lines of equal time keep their order in the file.

    Raises:
        OrdersError: a line is not one of the two forms; names file, line, field and rule.
        OSError: the file cannot be read.
    """
    commands = list(_commands(Path(path)))
    is_sorted = all(a.ts_ns <= b.ts_ns for a, b in pairwise(commands))
    if not is_sorted:
        commands.sort(key=attrgetter("ts_ns"))
    return OrdersFile(commands, is_sorted)


def _commands(path: Path) -> Iterator[ReplayCommand]:
    with _open(path) as file:
        try:
            for number, line in enumerate(file, 1):
                if len(line) > LINE_BYTES_MAX:
                    raise OrdersError(path, number, "", f"line is longer than {LINE_BYTES_MAX} bytes")
                if line.strip():
                    yield _command(path, number, line)
        except (gzip.BadGzipFile, EOFError) as error:
            raise OrdersError(path, 0, "", f"compressed data is damaged: {error}") from error


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        is_gzip = file.read(2) == GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path, "rb")) if is_gzip else path.open("rb")


def _command(path: Path, number: int, text: bytes) -> ReplayCommand:
    try:
        line = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(path, number, str(error)) from error
    if not 0 <= line.ts <= TIME_NS_MAX:
        raise OrdersError(path, number, "ts", f"must be 0..{TIME_NS_MAX} ns, not {line.ts}")
    if not line.account:
        raise OrdersError(path, number, "account", "must not be empty")
    if line.action == "submit":
        order = _new_order(path, number, line)
        return ReplayCommand(line.ts, line.account, line.client_order_id or "", line.symbol, order, number)
    if line.action != "cancel":
        raise OrdersError(path, number, "action", f'must be "submit" or "cancel", not {line.action[:40]!r}')
    if not line.client_order_id:
        raise OrdersError(path, number, "client_order_id", "is missing: which order is to be cancelled?")
    return ReplayCommand(line.ts, line.account, line.client_order_id, line.symbol, None, number)


def _new_order(path: Path, number: int, line: _Line) -> NewOrder:
    if line.symbol is None:
        raise OrdersError(path, number, "symbol", "is missing")
    return NewOrder(
        symbol=line.symbol,
        side=line.side,
        type=line.type,
        price=_number(path, number, line, "price"),
        size=_number(path, number, line, "size"),
        notional=_number(path, number, line, "notional"),
        client_order_id=line.client_order_id,
        stp_mode=line.stpMode,
    )


def _number(path: Path, number: int, line: _Line, field: str) -> Decimal | None:
    raw = bytes(getattr(line, field))
    if raw == b"null":
        return None
    try:
        return parse_decimal(msgspec.json.decode(raw) if raw.startswith(b'"') else raw.decode())
    except BadNumber as error:
        raise OrdersError(path, number, field, str(error)) from error


def _unreadable(path: Path, number: int, text: str) -> OrdersError:
    place, missing = _PLACE.search(text), _MISSING.search(text)
    if missing:
        return OrdersError(path, number, missing.group(1), "is missing")
    if place:
        return OrdersError(path, number, place.group(1), text[: place.start()])
    return OrdersError(path, number, "", f"not a JSON object: {text}")
