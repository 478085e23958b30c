import pytest
from feed_messages import SYMBOL, best, depth50, push, snapshot, trade, trades

from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.feed.pushes import DISCONNECTED, Push, PushKind, decode_push


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (snapshot(1, [(1, 1)]), PushKind.INCREMENT),
        (depth50([(1, 1)]), PushKind.FULL_DEPTH),
        (trades(trade(1, 1)), PushKind.TRADE),
        (best((1, 1), (2, 1)), PushKind.BBO),
    ],
)
def test_channels_of_the_market_are_told_apart_and_keep_their_items(payload, kind):
    decoded = decode_push(payload)
    assert (decoded.kind, decoded.name) == (kind, kind.value)
    assert [item.symbol for item in decoded.items] == [SYMBOL]


def test_a_known_channel_outside_the_mirror_is_ignored_by_name():
    payload = push("spot/kline1M", {"symbol": SYMBOL, "candle": [60, "1", "1", "1", "1", "1"]})
    assert decode_push(payload) == Push(PushKind.IGNORED, "spot/kline1M", [])


def test_acknowledgements_errors_and_marks_are_control_messages():
    ack = decode_push(b'{"event":"subscribe","topic":"spot/trade:A_B"}')
    assert (ack.kind, ack.name, ack.error) == (PushKind.CONTROL, "subscribe", "")
    error = decode_push(b'{"event":"subscribe","errorCode":"92001","errorMessage":"Invalid symbol param"}')
    assert error.error == "92001 Invalid symbol param"
    assert decode_push(b'{"event":"paper/disconnected"}').name == DISCONNECTED


@pytest.mark.parametrize("payload", [b"", b"{}", b"pong", push("spot/depth7"), push("spot/trade", {})])
def test_anything_else_is_no_message(payload):
    with pytest.raises(MessageError):
        decode_push(payload)
