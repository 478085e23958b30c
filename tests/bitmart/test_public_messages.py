"""Public pushes: golden messages in the reference's form survive decode and encode as they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.bitmart import public_messages as pm
from paper_bitmart.bitmart import topics
from paper_bitmart.bitmart.control_messages import ControlFrame
from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.public_messages import decode_public, encode

TICKER = (
    '{"table":"spot/ticker","data":[{"symbol":"ETH_USDT","last_price":"2501.37","open_24h":"2488.10",'
    '"high_24h":"2519.95","low_24h":"2470.02","base_volume_24h":"18230.4412","quote_volume_24h":"45511230.77",'
    '"fluctuation":"0.0053","bid_px":"2501.36","bid_sz":"3.2110","ask_px":"2501.38","ask_sz":"0.9050",'
    '"ms_t":1763800001200,"s_t":1763800001}]}'
)
KLINE = (
    '{"table":"spot/kline1m","data":[{"symbol":"ETH_USDT",'
    '"candle":[1763799960,"2500.90","2501.60","2500.70","2501.37","41.2030"]}]}'
)
DEPTH = (
    '{"table":"spot/depth%d","data":[{"symbol":"ETH_USDT","asks":[["2501.38","0.9050"]],'
    '"bids":[["2501.36","3.2110"]],"ms_t":1763800001200}]}'
)
SNAPSHOT = (
    '{"table":"spot/depth/increase100","data":[{"symbol":"ETH_USDT","asks":[["2501.38","0.9050"],'
    '["2501.40","2.0000"]],"bids":[["2501.36","3.2110"]],"ms_t":1763800001200,"type":"snapshot","version":90211}]}'
)
UPDATE = (
    '{"table":"spot/depth/increase100","data":[{"symbol":"ETH_USDT","asks":[["2501.38","0"]],'
    '"bids":[["2501.37","0.5000"]],"ms_t":1763800001300,"type":"update","version":90212}]}'
)
SIGN_OF_LIFE = (
    '{"table":"spot/depth/increase100","data":[{"symbol":"ETH_USDT","asks":[],"bids":[],'
    '"ms_t":1763800011300,"type":"update","version":90212}]}'
)
TRADE = (
    '{"table":"spot/trade","data":[{"symbol":"ETH_USDT","price":"2501.37","size":"0.0420","side":"sell",'
    '"s_t":1763800000,"ms_t":1763800000998}]}'
)
BOOK_TICKER = (
    '{"table":"spot/bookTicker","data":[{"symbol":"ETH_USDT","bid_px":"2501.36","bid_sz":"3.2110",'
    '"ask_px":"2501.38","ask_sz":"0.9050","ms_t":1763800001200}]}'
)
GOLDEN = [
    (TICKER, pm.TickerPush),
    (KLINE, pm.KlinePush),
    (DEPTH % 5, pm.Depth5Push),
    (DEPTH % 20, pm.Depth20Push),
    (DEPTH % 50, pm.Depth50Push),
    (SNAPSHOT, pm.DepthChangePush),
    (UPDATE, pm.DepthChangePush),
    (SIGN_OF_LIFE, pm.DepthChangePush),
    (TRADE, pm.TradePush),
    (BOOK_TICKER, pm.BookTickerPush),
]


@pytest.mark.parametrize(("text", "kind"), GOLDEN)
def test_a_golden_push_is_read_and_written_byte_for_byte(text: str, kind: type) -> None:
    push = decode_public(text.encode())
    assert type(push) is kind
    assert encode(push).decode() == text
    assert not isinstance(push, ControlFrame)
    assert push.table == json.loads(text)["table"]


@pytest.mark.parametrize(("text", "kind"), GOLDEN)
def test_the_order_of_keys_does_not_matter(text: str, kind: type) -> None:
    backward = json.dumps(dict(reversed(json.loads(text).items())))
    assert decode_public(backward.encode()) == decode_public(text.encode())


@pytest.mark.parametrize(("text", "kind"), GOLDEN)
def test_a_field_that_bitmart_adds_later_is_ignored(text: str, kind: type) -> None:
    message = json.loads(text)
    message["new"] = message["data"][0]["new"] = {"x": [1]}
    assert encode(decode_public(json.dumps(message).encode())).decode() == text


def test_fields_that_are_about_to_go_may_be_missing() -> None:
    push = decode_public(TRADE.replace('"s_t":1763800000,', "").encode())
    assert b'"s_t"' not in encode(push)
    message = json.loads(TICKER)
    del message["data"][0]["s_t"], message["data"][0]["quote_volume_24h"]
    assert json.loads(encode(decode_public(json.dumps(message).encode()))) == message


def test_control_frames_come_through_the_same_door() -> None:
    frame = decode_public(b'{"event":"subscribe","topic":"spot/ticker:ETH_USDT"}')
    assert frame == ControlFrame(event="subscribe", topic="spot/ticker:ETH_USDT")
    error = decode_public(b'{"event":"subscribe","errorCode":"90004","errorMessage":"Invalid channel param"}')
    assert isinstance(error, ControlFrame)
    assert error.is_error


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"", ""),
        (b"pong", ""),
        (b"[]", ""),
        (b"{}", ""),
        (b'{"data":[]}', ""),
        (b'{"table":7,"data":[]}', "table"),
        (b'{"table":"spot/nope","data":[]}', "table"),
        (b'{"table":"spot/user/order","data":[]}', "table"),
        (b'{"table":"spot/kline9m","data":[]}', "table"),
        (b'{"table":"spot/ticker"}', ""),
        (b'{"event":"login","topic":5}', "topic"),
        (SNAPSHOT.replace('"2.0000"', "2").encode(), "data[0].asks[1][1]"),
        (SNAPSHOT.replace(',"version":90211', "").encode(), "data[0]"),
        (SNAPSHOT.replace('"snapshot"', '"full"').encode(), "data[0].type"),
        (TRADE.replace('"sell"', '"short"').encode(), "data[0].side"),
        (KLINE.replace(',"41.2030"', "").encode(), "data[0].candle"),
        (TICKER.replace('"2501.37"', '"\xff"').encode("latin-1"), ""),
    ],
)
def test_a_broken_frame_is_refused_with_its_place(payload: bytes, field: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode_public(payload)
    assert caught.value.field == field
    assert caught.value.why


@given(st.binary(max_size=80))
def test_noise_is_refused_and_never_crashes(noise: bytes) -> None:
    with pytest.raises(MessageError):
        decode_public(noise)


def test_every_public_channel_has_a_push() -> None:
    for channel in topics.PUBLIC_CHANNELS:
        push = decode_public(json.dumps({"table": channel, "data": []}).encode())
        assert not isinstance(push, ControlFrame)
        assert push.table == channel
    assert {channel: kind([]).table for channel, kind in pm.FULL_DEPTH_PUSHES.items()} == {
        channel: channel for channel in topics.FULL_DEPTH_LEVELS
    }
