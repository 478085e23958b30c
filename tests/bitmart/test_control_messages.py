"""Control frames: BitMart's exact texts, and no `data` key ever."""

import json

import pytest

from paper_bitmart.bitmart.control_messages import (
    CLIENT_MESSAGE,
    CONTROL_FRAME,
    ClientMessage,
    ack,
    client_message,
    error_frame,
    login_ack,
)
from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.errors import WS_CODES, WsRefused


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (ack("subscribe", "spot/ticker:ETH_USDT"), '{"event":"subscribe","topic":"spot/ticker:ETH_USDT"}'),
        (
            ack("unsubscribe", "spot/ticker:ETH_USDT"),
            '{"event":"unsubscribe","topic":"spot/ticker:ETH_USDT"}',
        ),
        (login_ack(), '{"event":"login"}'),
        (
            error_frame(WsRefused(92001, event="subscribe", topic="spot/ticker:NOPE_USDT")),
            '{"event":"subscribe","topic":"spot/ticker:NOPE_USDT","errorCode":"92001",'
            '"errorMessage":"Invalid symbol param"}',
        ),
        (
            error_frame(WsRefused(90001)),
            '{"event":"error","errorCode":"90001","errorMessage":"Invalid message format"}',
        ),
        (client_message("login", ["k", "1", "s"]), '{"op":"login","args":["k","1","s"]}'),
    ],
)
def test_frames_are_written_as_bitmart_writes_them(frame: bytes, text: str) -> None:
    assert frame.decode() == text


def test_every_websocket_error_can_be_framed_and_read_back() -> None:
    for code, row in WS_CODES.items():
        frame = CONTROL_FRAME.decode(error_frame(WsRefused(code, event="login")))
        assert frame.is_error
        assert (frame.event, frame.errorCode, frame.errorMessage) == ("login", str(code), row.message)


def test_no_control_frame_has_a_data_key() -> None:
    for frame in (ack("subscribe", "t"), login_ack(), error_frame(WsRefused(95000))):
        assert "data" not in json.loads(frame)


def test_an_acknowledgement_is_no_error() -> None:
    assert not CONTROL_FRAME.decode(login_ack()).is_error


def test_what_a_client_sends_is_read_back() -> None:
    topics = ["spot/ticker:ETH_USDT", "spot/trade:ETH_USDT"]
    assert CLIENT_MESSAGE.decode(client_message("subscribe", topics)) == ClientMessage(
        op="subscribe", args=topics
    )


@pytest.mark.parametrize(
    "payload", ["{}", "[]", '{"op":"subscribe"}', '{"op":1,"args":[]}', '{"op":"x","args":[1]}']
)
def test_a_client_message_of_another_form_is_refused(payload: str) -> None:
    with pytest.raises(MessageError):
        CLIENT_MESSAGE.decode(payload)
