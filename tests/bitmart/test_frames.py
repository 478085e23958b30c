"""Raw DEFLATE frames: the vector of protocol reference 6.1, round trips, bounds."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.bitmart.frames import FrameError, FrameTooLarge, decode_frame, deflate, inflate

VECTOR = bytes.fromhex("ab562a494cca4955b2522a2ec82fd12f294a4c4955d2514a492c4954b28a8ead0500")
PAYLOAD = b'{"table":"spot/trade","data":[]}'


def test_the_reference_vector_inflates() -> None:
    assert inflate(VECTOR) == PAYLOAD


@given(st.binary(max_size=5000), st.integers(1, 9))
def test_what_is_deflated_inflates_to_itself(payload: bytes, level: int) -> None:
    assert inflate(deflate(payload, level)) == payload
    assert zlib.decompress(deflate(payload, level), -15) == payload


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_payload_of_exactly_the_limit_passes(size: int) -> None:
    assert len(inflate(deflate(b"x" * size), bytes_max=100)) == size


def test_a_bomb_is_refused_with_the_limit() -> None:
    bomb = deflate(b"\0" * 20_000_000)
    assert len(bomb) < 25_000
    with pytest.raises(FrameTooLarge) as caught:
        inflate(bomb, bytes_max=1_000_000)
    assert caught.value.limit_bytes == 1_000_000
    with pytest.raises(FrameTooLarge):
        inflate(bomb)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"", "cut short"),
        (VECTOR[:-3], "cut short"),
        (VECTOR + b"x", "1 bytes follow"),
        (zlib.compress(PAYLOAD), "not a raw DEFLATE stream"),
        (b"\xff\xff\xff", "not a raw DEFLATE stream"),
    ],
    ids=["empty", "cut", "trailing", "zlib header", "noise"],
)
def test_a_broken_frame_is_refused_with_the_reason(frame: bytes, why: str) -> None:
    with pytest.raises(FrameError, match=why):
        inflate(frame)


@given(st.binary(max_size=300))
def test_noise_inflates_or_is_refused_and_never_crashes(noise: bytes) -> None:
    try:
        payload = inflate(noise, bytes_max=1000)
    except FrameError:
        return
    assert len(payload) <= 1000


def test_binary_frames_are_inflated_and_text_frames_taken_as_they_are() -> None:
    assert decode_frame(VECTOR) == PAYLOAD
    assert decode_frame(PAYLOAD.decode()) == PAYLOAD
    with pytest.raises(FrameTooLarge):
        decode_frame("x" * 11, bytes_max=10)
