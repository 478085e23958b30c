"""JSON of records that may hold any text a client can send.

JSON may carry half a surrogate pair ("\\ud800"), and Python's `str` with it; UTF-8 and msgspec cannot. Such
text goes the long way, as an escape; all other text goes the fast one.
"""

import json
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(decimal_format="string")


def encode_record(record: Any) -> bytes:
    """A Struct (or built-in values) as compact JSON; Decimals are text."""
    try:
        return _ENCODER.encode(record)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(record), separators=(",", ":")).encode("ascii")


class RecordDecoder(Generic[T]):
    """Reads what `encode_record` wrote of one type.

    Args:
        kind: a Struct, or a union of tagged ones.
    """

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)

    def decode(self, data: bytes) -> T:
        """Raises msgspec.ValidationError (another shape; it names the field) or msgspec.DecodeError."""
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            if b"\\ud" not in data:
                raise
        try:
            record: T = msgspec.convert(json.loads(data), self._kind)
        except ValueError as error:
            raise msgspec.DecodeError(str(error)) from error
        return record
