"""The envelope around every REST answer: code, message, trace, data (protocol reference 1.3).

Compact JSON, because Hummingbot searches the raw text of an error for `"code":50005`.
"""

from collections.abc import Hashable
from functools import cache
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from paper_bitmart.bitmart.codes import SUCCESS
from paper_bitmart.bitmart.decoding import JsonDecoder, MessageError
from paper_bitmart.bitmart.errors import BitmartError, refusal_from_reply

T = TypeVar("T")

OK: Final = "OK"
"""Success text of /system, /account, /spot/v1 to v3 and the v4 commands."""

SUCCESS_TEXT: Final = "success"
"""Success text of /spot/quotation/v3 and /spot/v4/query."""

_QUERY_PREFIXES = ("/spot/quotation/v3/", "/spot/v4/query/")


class Envelope(msgspec.Struct, Generic[T], kw_only=True):
    """`code` is 1000 on success; `trace` is an opaque request id; ccxt needs `message` always."""

    code: int
    message: str
    trace: str = ""
    data: T


class _Reply(msgspec.Struct, kw_only=True):
    code: int
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


_REPLY = JsonDecoder[_Reply](_Reply)


def success_text(path: str) -> str:
    """The text that BitMart's endpoint says on success; clients accept both anywhere."""
    return SUCCESS_TEXT if path.startswith(_QUERY_PREFIXES) else OK


def encode_success(data: object, trace: str, text: str = OK) -> bytes:
    """The answer to a call that was carried out.

    Args:
        data: a message of `rest_messages`, or a list of them.
        trace: the request id.
        text: see `success_text`.
    """
    return msgspec.json.encode(Envelope(code=SUCCESS, message=text, trace=trace, data=data))


def encode_failure(error: BitmartError, trace: str) -> bytes:
    """The answer to a refused call: `data` is null on public market codes, `{}` on all others."""
    data: dict[str, object] | None = None if 70000 <= error.code < 80000 else {}
    return msgspec.json.encode(Envelope(code=error.code, message=error.message, trace=trace, data=data))


def decode_reply(payload: bytes, data_type: type[T] | Any, http_status: int = 200) -> T:
    """Read a venue's answer.

    Args:
        payload: the body.
        data_type: what `data` must be, e.g. `list[OrderData]`.
        http_status: of the reply, for the error.

    Raises:
        BitmartError: the venue refused; class, code and text are the venue's.
        MessageError: not an envelope, or `data` is not of that type.
    """
    reply = _REPLY.decode(payload)
    if reply.code != SUCCESS:
        raise refusal_from_reply(reply.code, reply.message, http_status)
    try:
        data: T = _decoder(cast(Hashable, data_type)).decode(reply.data)
    except MessageError as error:
        joint = "" if not error.field or error.field.startswith("[") else "."
        raise MessageError(f"data{joint}{error.field}", error.why) from error
    return data


@cache
def _decoder(data_type: Hashable) -> JsonDecoder[Any]:
    # Compiling a decoder costs more than using it; the types are the few of this program.
    return JsonDecoder(data_type)
