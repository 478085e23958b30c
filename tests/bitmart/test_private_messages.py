"""Private pushes: golden messages in the reference's form survive decode and encode as they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.bitmart import private_messages as pm
from paper_bitmart.bitmart.control_messages import ControlFrame
from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.enums import OrderState, OrderType
from paper_bitmart.bitmart.private_messages import decode_private, encode

ORDER = (
    '{"table":"spot/user/order","data":[{"symbol":"ETH_USDT","side":"buy","type":"limit","notional":"",'
    '"size":"0.2500","ms_t":"1763800002000","price":"2500.10","filled_notional":"250.00500000",'
    '"filled_size":"0.1000","margin_trading":"0","state":"5","order_id":"512340000000000101","order_type":"0",'
    '"last_fill_time":"1763800003417","last_fill_price":"2500.05","last_fill_count":"0.1000","exec_type":"T",'
    '"detail_id":"512340000000009001","client_order_id":"pb20261122a1","create_time":"1763800002000",'
    '"update_time":"1763800003417","order_mode":"spot","entrust_type":"normal",'
    '"order_state":"partially_filled","dealFee":"0.25000500","deal_fee_coin_name":"USDT"}]}'
)
BALANCE = (
    '{"table":"spot/user/balance","data":[{"event_type":"TRANSACTION_COMPLETED","event_time":"1763800003420",'
    '"balance_details":[{"ccy":"USDT","av_bal":"8500.00000000","fz_bal":"375.01500000"}]}]}'
)
ALL_ORDERS = ORDER.replace("spot/user/order", "spot/user/orders")
GOLDEN = [(ORDER, pm.OrderPush), (ALL_ORDERS, pm.OrdersPush), (BALANCE, pm.BalancePush)]


@pytest.mark.parametrize(("text", "kind"), GOLDEN)
def test_a_golden_push_is_read_and_written_byte_for_byte(text: str, kind: type) -> None:
    push = decode_private(text.encode())
    assert type(push) is kind
    assert encode(push).decode() == text
    assert not isinstance(push, ControlFrame)
    assert push.table == json.loads(text)["table"]


def test_every_value_of_an_order_is_text() -> None:
    (row,) = json.loads(encode(decode_private(ORDER.encode())))["data"]
    assert {type(value) for value in row.values()} == {str}


def test_observed_fields_are_kept_when_set_and_absent_when_not() -> None:
    with_account = BALANCE.replace('"balance_details"', '"account_type":"BITMART","balance_details"')
    assert encode(decode_private(with_account.encode())).decode() == with_account
    with_client_oid = ORDER.replace('"USDT"}]}', '"USDT","clientOid":"pb20261122a1"}]}')
    assert encode(decode_private(with_client_oid.encode())).decode() == with_client_oid
    assert b"clientOid" not in encode(decode_private(ORDER.encode()))


@pytest.mark.parametrize(
    ("state", "number"),
    [
        ("new", "4"),
        ("partially_filled", "5"),
        ("filled", "6"),
        ("canceled", "8"),
        ("partially_canceled", "12"),
    ],
)
def test_the_old_numeric_state_that_ccxt_reads(state: str, number: str) -> None:
    assert pm.NUMERIC_STATES[OrderState(state)] == number


@pytest.mark.parametrize(
    ("order_type", "shown", "entrust", "old"),
    [
        ("limit", "limit", "normal", "0"),
        ("limit_maker", "limit", "limit_maker", "1"),
        ("ioc", "limit", "ioc", "3"),
        ("market", "market", "normal", "0"),
    ],
)
def test_each_order_type_in_its_three_spellings(order_type: str, shown: str, entrust: str, old: str) -> None:
    kind = OrderType(order_type)
    assert (pm.SHOWN_TYPES[kind], pm.ENTRUST_TYPES[kind], pm.OLD_ORDER_TYPES[kind]) == (shown, entrust, old)


def test_the_tables_leave_no_word_out() -> None:
    assert set(pm.NUMERIC_STATES) == set(OrderState)
    assert set(pm.SHOWN_TYPES) == set(pm.ENTRUST_TYPES) == set(pm.OLD_ORDER_TYPES) == set(OrderType)


def test_a_login_reply_comes_through_the_same_door() -> None:
    assert decode_private(b'{"event":"login"}') == ControlFrame(event="login")


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"pong", ""),
        (b"{}", ""),
        (b'{"table":"spot/trade","data":[]}', "table"),
        (ORDER.replace('"5"', "5").encode(), "data[0].state"),
        (ORDER.replace('"partially_filled"', '"done"').encode(), "data[0].order_state"),
        (BALANCE.replace(',"fz_bal":"375.01500000"', "").encode(), "data[0].balance_details[0]"),
        (BALANCE.replace("TRANSACTION", "GIFT").encode(), "data[0].event_type"),
    ],
)
def test_a_broken_frame_is_refused_with_its_place(payload: bytes, field: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode_private(payload)
    assert caught.value.field == field


@given(st.binary(max_size=80))
def test_noise_is_refused_and_never_crashes(noise: bytes) -> None:
    with pytest.raises(MessageError):
        decode_private(noise)
