"""Private pushes: BitMart's fields to the letter, to the right account, one per transition."""

import json
from decimal import Decimal

import pytest
from msgspec.structs import replace
from ws_support import Recorder, SessionFake, decoded

from paper_bitmart.bitmart.decimals import to_atoms
from paper_bitmart.bitmart.enums import CancelSource, OrderState, OrderType, Role, Side, StpMode
from paper_bitmart.bitmart.topics import parse_topic
from paper_bitmart.exchange.events import (
    BalanceChanged,
    BalanceReason,
    FeedChanged,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
)
from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.feed.events import FeedState
from paper_bitmart.server.book_view import BookView
from paper_bitmart.server.ws_publisher import Publisher
from paper_bitmart.server.ws_push import PushEncoder

MS = 1_000_000
ORDER_SAMPLE = """{"table":"spot/user/order","data":[{"symbol":"ETH_USDT","side":"buy","type":"limit",
"notional":"","size":"0.2500","ms_t":"1763800002000","price":"2500.10","filled_notional":"250.00500000","filled_size":"0.1000",
"margin_trading":"0","state":"5","order_id":"512340000000000101","order_type":"0","last_fill_time":"1763800003417",
"last_fill_price":"2500.05","last_fill_count":"0.1000","exec_type":"T","detail_id":"512340000000009001",
"client_order_id":"pb20261122a1","create_time":"1763800002000","update_time":"1763800003417","order_mode":"spot",
"entrust_type":"normal","order_state":"partially_filled","dealFee":"0.25000500","deal_fee_coin_name":"USDT"}]}"""
BALANCE_SAMPLE = """{"table":"spot/user/balance","data":[{"event_type":"TRANSACTION_COMPLETED",
"event_time":"1763800003420","balance_details":[{"ccy":"USDT","av_bal":"8500.00000000","fz_bal":"375.01500000"}]}]}"""


def atoms(text):
    return to_atoms(Decimal(text))


NEW = Order(
    order_id=512340000000000101,
    client_order_id="pb20261122a1",
    account="alice",
    symbol="ETH_USDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    price_ticks=250010,
    size_lots=2500,
    notional_atoms=0,
    stp_mode=StpMode.NONE,
    maker_ppm=1000,
    taker_ppm=1000,
    hold_asset="USDT",
    hold_atoms=atoms("625.65"),
    created_ns=1763800002000 * MS,
    updated_ns=1763800002000 * MS,
)
FILL = Fill(
    trade_id=512340000000009001,
    order_id=NEW.order_id,
    client_order_id=NEW.client_order_id,
    account="alice",
    symbol="ETH_USDT",
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    stp_mode=StpMode.NONE,
    role=Role.TAKER,
    price_ticks=250005,
    size_lots=1000,
    notional_atoms=atoms("250.005"),
    fee_atoms=atoms("0.250005"),
    fee_asset="USDT",
    at_ns=1763800003417 * MS,
    exch_ns=1763800003400 * MS,
    evidence=1,
    evidence_price_ticks=250005,
    evidence_lots=1000,
    ahead_before=0.0,
    ahead_after=0.0,
)
PART_FILLED = NEW.with_fill(FILL, hold_atoms=0)


def accepted(order=NEW):
    return OrderAccepted(seq=1, at_ns=order.created_ns, order=order)


def filled(order=PART_FILLED):
    return OrderFilled(seq=2, at_ns=FILL.at_ns, order=order, fill=FILL)


def balance(reason=BalanceReason.TRADE, account="alice"):
    return BalanceChanged(
        seq=3,
        at_ns=1763800003420 * MS,
        account=account,
        asset="USDT",
        available_atoms=atoms("8500"),
        frozen_atoms=atoms("375.015"),
        reason=reason,
    )


@pytest.fixture
def publisher():
    session = SessionFake("ETH_USDT", "BTC_USDT")
    return Publisher(session.views, BookView(session), PushEncoder())


def join(publisher, topic, account="alice"):
    recorder = Recorder()
    publisher.subscribe(recorder, parse_topic(topic), account, 0)
    assert recorder.frames == []
    return recorder


def test_an_order_push_is_the_references_sample_to_the_letter(publisher):
    listener = join(publisher, "spot/user/order:ETH_USDT")
    publisher.events([filled()])
    (push,) = listener.take()
    assert push == json.loads(ORDER_SAMPLE)
    assert all(isinstance(value, str) for value in push["data"][0].values())


def test_a_balance_push_is_the_references_sample_to_the_letter(publisher):
    listener = join(publisher, "spot/user/balance:BALANCE_UPDATE")
    publisher.events([balance()])
    assert listener.take() == [json.loads(BALANCE_SAMPLE)]


@pytest.mark.parametrize(
    ("topic", "table"),
    [("spot/user/order:ETH_USDT", "spot/user/order"), ("spot/user/orders:ALL_SYMBOLS", "spot/user/orders")],
)
def test_the_table_is_named_by_the_subscription(publisher, topic, table):
    listener = join(publisher, topic)
    publisher.events([accepted()])
    assert [push["table"] for push in listener.take()] == [table]


def test_each_transition_is_one_push_in_order(publisher):
    listener = join(publisher, "spot/user/orders:ALL_SYMBOLS")
    canceled = PART_FILLED.canceled(CancelSource.USER, FILL.at_ns + MS)
    publisher.events([accepted(), balance(), filled(), OrderCanceled(seq=4, at_ns=0, order=canceled)])
    rows = [push["data"] for push in listener.take()]
    assert [len(row) for row in rows] == [1, 1, 1]
    assert [(row[0]["order_state"], row[0]["state"]) for row in rows] == [
        ("new", "4"),
        ("partially_filled", "5"),
        ("partially_canceled", "12"),
    ]


def test_before_the_first_fill_the_fill_fields_are_empty(publisher):
    listener = join(publisher, "spot/user/order:ETH_USDT")
    publisher.events([accepted()])
    row = listener.take()[0]["data"][0]
    assert {name: row[name] for name in row if name.startswith("last_fill")} == {
        "last_fill_time": "0",
        "last_fill_price": "0",
        "last_fill_count": "0",
    }
    assert (row["exec_type"], row["detail_id"]) == ("", "")
    assert (row["dealFee"], row["deal_fee_coin_name"]) == ("0", "USDT")


@pytest.mark.parametrize(
    ("order_type", "shown", "entrust", "old"),
    [
        (OrderType.LIMIT, "limit", "normal", "0"),
        (OrderType.LIMIT_MAKER, "limit", "limit_maker", "1"),
        (OrderType.IOC, "limit", "ioc", "3"),
        (OrderType.MARKET, "market", "normal", "0"),
    ],
)
def test_each_order_type_is_spelled_in_three_fields(publisher, order_type, shown, entrust, old):
    listener = join(publisher, "spot/user/order:ETH_USDT")
    publisher.events([accepted(replace(NEW, type=order_type))])
    row = listener.take()[0]["data"][0]
    assert (row["type"], row["entrust_type"], row["order_type"]) == (shown, entrust, old)


def test_only_a_market_buy_has_a_notional(publisher):
    listener = join(publisher, "spot/user/order:ETH_USDT")
    buy = replace(NEW, type=OrderType.MARKET, price_ticks=0, size_lots=0, notional_atoms=atoms("5.0949"))
    sell = replace(NEW, type=OrderType.MARKET, side=Side.SELL, price_ticks=0)
    publisher.events([accepted(buy), accepted(sell)])
    rows = [push["data"][0] for push in listener.take()]
    assert [(row["notional"], row["size"]) for row in rows] == [("5.09490000", "0.0000"), ("", "0.2500")]


@pytest.mark.parametrize(
    ("reason", "event_type"),
    [
        (BalanceReason.DEPOSIT, "ACCOUNT_RECHARGE"),
        (BalanceReason.WITHDRAW, "ACCOUNT_WITHDRAWAL"),
        (BalanceReason.HOLD, "TRANSACTION_COMPLETED"),
        (BalanceReason.TRADE, "TRANSACTION_COMPLETED"),
        (BalanceReason.RELEASE, "TRANSACTION_COMPLETED"),
    ],
)
def test_every_cause_of_a_balance_change_has_an_event_type(publisher, reason, event_type):
    listener = join(publisher, "spot/user/balance:BALANCE_UPDATE")
    publisher.events([balance(reason)])
    assert listener.take()[0]["data"][0]["event_type"] == event_type


def test_two_changed_currencies_are_two_messages(publisher):
    listener = join(publisher, "spot/user/balance:BALANCE_UPDATE")
    publisher.events([balance(), replace(balance(), asset="ETH")])
    details = [push["data"][0]["balance_details"] for push in listener.take()]
    assert [[detail["ccy"] for detail in message] for message in details] == [["USDT"], ["ETH"]]


def test_an_account_hears_nothing_of_another(publisher):
    topics = ("spot/user/order:ETH_USDT", "spot/user/orders:ALL_SYMBOLS", "spot/user/balance:BALANCE_UPDATE")
    listeners = [join(publisher, topic, account="bob") for topic in topics]
    publisher.events([accepted(), filled(), balance()])
    assert [listener.frames for listener in listeners] == [[], [], []]


def test_a_symbols_topic_hears_nothing_of_another_symbol(publisher):
    listener = join(publisher, "spot/user/order:BTC_USDT")
    publisher.events([accepted()])
    assert listener.frames == []


def test_both_order_topics_give_one_push_each(publisher):
    listeners = [join(publisher, "spot/user/order:ETH_USDT"), join(publisher, "spot/user/orders:ALL_SYMBOLS")]
    publisher.events([accepted()])
    assert [len(listener.frames) for listener in listeners] == [1, 1]


def test_two_connections_of_one_account_share_the_bytes(publisher):
    first, second = (join(publisher, "spot/user/orders:ALL_SYMBOLS") for _ in range(2))
    publisher.events([accepted()])
    assert first.frames[0] is second.frames[0]
    assert decoded(first.frames[0])["data"][0]["order_state"] == OrderState.NEW


def test_events_that_concern_no_topic_are_not_pushed(publisher):
    listener = join(publisher, "spot/user/orders:ALL_SYMBOLS")
    publisher.events([FeedChanged(seq=1, at_ns=0, symbol="ETH_USDT", state=FeedState.STALE)])
    assert listener.frames == []


def test_who_unsubscribed_hears_no_more(publisher):
    listener = join(publisher, "spot/user/orders:ALL_SYMBOLS")
    publisher.unsubscribe(listener, parse_topic("spot/user/orders:ALL_SYMBOLS"), "alice")
    publisher.events([accepted()])
    assert listener.frames == []
