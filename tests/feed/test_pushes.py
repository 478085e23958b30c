import pytest

from paper_bitmart.feed.pushes import BadMessage, PushKind, UnknownTable, decode_push


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"", ""),
        (b"[]", ""),
        (b"{}", ""),
        (b'{"table":5}', "table"),
        (b'{"table":"spot/trade"}', "data"),
        (b'{"table":"spot/trade","data":{}}', "data"),
        (b'{"table":"spot/trade","data":[{"symbol":"A_B"}]}', "data[0]"),
        (b'{"table":"spot/trade","data":[{"symbol":"A_B","price":1.5}]}', "data[0].price"),
        (
            b'{"table":"spot/depth50","data":[{"symbol":"A_B","asks":[["1","2"],["1",2]],"bids":[],"ms_t":1}]}',
            "data[0].asks[1][1]",
        ),
        (
            b'{"table":"spot/depth50","data":[{"symbol":"A_B","asks":[["1"]],"bids":[],"ms_t":1}]}',
            "data[0].asks[0]",
        ),
        (
            b'{"table":"spot/depth50","data":[{"symbol":"A_B","asks":[],"bids":[],"ms_t":"1"}]}',
            "data[0].ms_t",
        ),
    ],
)
def test_a_bad_message_names_its_field(payload, field):
    with pytest.raises(BadMessage) as caught:
        decode_push(payload)
    assert caught.value.field == field


@pytest.mark.parametrize("table", ["spot/depth100", "futures/trade", "spot/kline7X", "spot/user/o", "x" * 99])
def test_a_table_that_bitmart_does_not_have_is_refused(table):
    with pytest.raises(UnknownTable):
        decode_push(b'{"table":"%b","data":[]}' % table.encode())


@pytest.mark.parametrize(
    "table",
    ["spot/ticker", "spot/depth5", "spot/depth20", "spot/kline1m", "spot/kline1M", "spot/kline4H",
     "spot/user/order", "spot/user/orders", "spot/user/balance"],
)  # fmt: skip
def test_known_channels_outside_the_mirror_are_ignored_whatever_they_carry(table):
    push = decode_push(b'{"table":"%b","data":[{"ms_t":"5","price":7}]}' % table.encode())
    assert (push.kind, push.name, push.items) == (PushKind.IGNORED, table, [])


def test_acknowledgements_and_errors_are_control_messages():
    assert decode_push(b'{"event":"subscribe","topic":"spot/trade:A_B"}').kind is PushKind.CONTROL
    push = decode_push(b'{"event":"subscribe","errorCode":"92001","errorMessage":"Invalid symbol param"}')
    assert push.error == "92001 Invalid symbol param"
