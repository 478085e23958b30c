"""Decoding errors name the place, whatever comes in."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.bitmart.decoding import JsonDecoder, MessageError


class Row(msgspec.Struct):
    levels: list[tuple[str, str]]


ROWS = JsonDecoder[list[Row]](list[Row])


def test_a_good_message_is_read_and_unknown_fields_are_ignored() -> None:
    assert ROWS.decode(b'[{"levels":[["1","2"]],"more":1}]') == [Row([("1", "2")])]


@pytest.mark.parametrize(
    ("payload", "field", "why"),
    [
        (b'[{"levels":[["1","2"],["1",2]]}]', "[0].levels[1][1]", "Expected `str`, got `int`"),
        (b'[{"level":[]}]', "[0]", "missing required field `levels`"),
        (b"[", "", "truncated"),
        (b"", "", "truncated"),
        (b"[]]", "", "malformed"),
        (b'[{"levels":[["1","\xff"]]}]', "", "utf-8"),
        (b"NaN", "", "malformed"),
    ],
)
def test_a_bad_message_is_refused_with_place_and_rule(payload: bytes, field: str, why: str) -> None:
    with pytest.raises(MessageError) as caught:
        ROWS.decode(payload)
    assert caught.value.field == field
    assert why.lower() in caught.value.why.lower()


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(MessageError):
        ROWS.decode(b'[{"x":' + b"[" * 100_000)


@given(st.binary(max_size=60))
def test_noise_is_read_or_refused_and_nothing_else(noise: bytes) -> None:
    try:
        rows = ROWS.decode(noise)
    except MessageError:
        return
    assert isinstance(rows, list)
