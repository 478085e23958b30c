"""The parameters of one call, from a query string or a JSON body, read with BitMart's refusals.

Names that nobody reads are ignored (protocol reference 1.2), so nothing is checked before it is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

import msgspec

from paper_bitmart.bitmart.decimals import BadNumber, parse_decimal
from paper_bitmart.bitmart.errors import refusal

_FAST_JSON = msgspec.json.Decoder(float_hook=str)
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_ORDER_ID = re.compile(r"[0-9]{1,18}", re.ASCII)

E = TypeVar("E", bound=StrEnum)


def read_body(body: bytes) -> dict[str, Any]:
    """A POST body as parameters; numbers with a point stay text, so that no float comes into being.

    Raises:
        BitmartError: 30018 not JSON, 50000 JSON but no object.
    """
    try:
        value = _FAST_JSON.decode(body)
    except (ValueError, RecursionError):
        # Not JSON, or JSON that only the slow reader takes: half a surrogate pair, an enormous number.
        value = _read_slowly(body)
    if not isinstance(value, dict):
        raise refusal(50000, field="body", message="Bad Request [body is not a JSON object]")
    return value


def _read_slowly(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), parse_float=str, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise refusal(30018, field="body") from error


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


class Params:
    """Typed access to one call's parameters. Absent, null and "" are the same: not given."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def raw(self, name: str) -> Any:
        """The value as it came, None when not given."""
        value = self._values.get(name)
        return None if value == "" else value

    def text(self, name: str) -> str | None:
        """Text; an integer counts as its digits.

        Raises:
            BitmartError: 50021 any other JSON type, or half a surrogate pair, which no answer could repeat.
        """
        value = self.raw(name)
        if value is None or (isinstance(value, str) and _is_utf8(value)):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise refusal(50021, field=name, value=type(value).__name__)

    def required(self, name: str, code: int = 50028) -> str:
        """Text that must be given.

        Raises:
            BitmartError: `code` not given, 50021 not text.
        """
        value = self.text(name)
        if value is None:
            raise refusal(code, field=name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """A number as decimal text or JSON number.

        Raises:
            BitmartError: 50021 not a finite number of sane length.
        """
        text = self.text(name)
        if text is None:
            return None
        try:
            return parse_decimal(text)
        except BadNumber as error:
            raise refusal(50021, field=name, value=error.value) from error

    def integer(self, name: str, code: int = 50021) -> int | None:
        """A whole number of at most 18 digits, as JSON number or text.

        Raises:
            BitmartError: `code` anything else.
        """
        value = self.raw(name)
        if value is None:
            return None
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not _INTEGER.fullmatch(text):
            raise refusal(code, field=name)
        return int(text)

    def choice(self, name: str, kind: type[E], code: int = 50021) -> E | None:
        """One word of a closed vocabulary, case-sensitive.

        Raises:
            BitmartError: `code` another word.
        """
        value = self.raw(name)
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError as error:
            raise refusal(code, field=name) from error

    def texts(self, name: str) -> list[str] | None:
        """A list of texts; integers count as their digits.

        Raises:
            BitmartError: 50021 not a list, or an element of another type.
        """
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise refusal(50021, field=name)
        elements = [Params({name: element}).text(name) for element in value]
        if any(element is None for element in elements):
            raise refusal(50021, field=name)
        return [element for element in elements if element is not None]

    def objects(self, name: str) -> list[Params] | None:
        """A list of objects.

        Raises:
            BitmartError: 50021 not a list, or an element that is no object.
        """
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(element, dict) for element in value):
            raise refusal(50021, field=name)
        return [Params(element) for element in value]

    def flag(self, name: str) -> bool:
        """`true` as JSON or as query text; anything else is false."""
        value = self.raw(name)
        return value is True or value == "true"


def order_id(text: str) -> int:
    """An order id as the venue's number; -1, which no order has, for text that is no id."""
    return int(text) if _ORDER_ID.fullmatch(text) else -1


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
