"""One way to decode JSON into a message type, with errors that name the field."""

import re
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

_PLACE = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_BAD_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class MessageError(ValueError):
    """A message is not what BitMart sends or takes.

    Attributes:
        field: the place in the message, e.g. `data[0].asks[3][1]`; "" for the message as a whole.
        why: the broken rule.
    """

    def __init__(self, field: str, why: str) -> None:
        super().__init__(field, why)
        self.field = field
        self.why = why

    def __str__(self) -> str:
        return f"{self.field}: {self.why}" if self.field else self.why


class JsonDecoder(Generic[T]):
    """Decodes one message type; the type is compiled once.

    Args:
        message_type: any type that msgspec understands.
    """

    def __init__(self, message_type: Any) -> None:
        self._decode = msgspec.json.Decoder(message_type).decode

    def decode(self, payload: bytes | str | msgspec.Raw) -> T:
        """Read one message; fields that the type does not have are ignored.

        Raises:
            MessageError: not JSON, not UTF-8, nested without end, a field missing or of a wrong type.
        """
        try:
            return self._decode(payload)
        except _BAD_JSON as error:
            raise message_error(error) from error


def message_error(error: Exception) -> MessageError:
    """What msgspec said, with the place taken out of its text."""
    text = str(error)
    found = _PLACE.search(text)
    return MessageError(found.group(1), text[: found.start()]) if found else MessageError("", text)
