"""Calls: every command as a record, the same after writing and reading, and the same to a venue."""

from decimal import Decimal

import msgspec
import pytest
from venue_bench import ALICE, SYMBOL, Bench, new_order

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.calls import (
    Cancel,
    CancelAll,
    CancelOrders,
    Deposit,
    OpenAccount,
    SetFees,
    Submit,
    SubmitBatch,
    Withdraw,
    decode_call,
    encode_call,
)


def bench():
    """With one open order, c0."""
    made = Bench()
    made.place("buy", "limit", price="99.80", size="1", client_order_id="c0")
    return made


ORDER_ID = bench().venue.open_orders(ALICE)[0].order_id
ORDER = new_order("buy", "limit", price="99.90", size="1.000", client_order_id="c1")
CALLS = [
    Submit(account=ALICE, order=ORDER),
    Submit(account=ALICE, order=new_order("buy", "market", notional="12.5")),
    SubmitBatch(account=ALICE, orders=(ORDER, new_order("sell", "limit_maker", price="100.02", size="2"))),
    Cancel(account=ALICE, client_order_id="c0"),
    Cancel(account=ALICE, order_id=ORDER_ID, symbol=SYMBOL),
    CancelOrders(account=ALICE, order_ids=(str(ORDER_ID), "no number"), client_order_ids=("c0",)),
    CancelAll(account=ALICE, symbol=SYMBOL, side=Side.BUY),
    OpenAccount(account="bob", balances={"USDT": Decimal("1e3")}),
    OpenAccount(account="bob"),
    Deposit(account=ALICE, asset="USDT", amount=Decimal("0.000000000000000001")),
    Withdraw(account=ALICE, asset="BTC", amount=Decimal(3)),
    SetFees(account=ALICE, symbol=None, maker_ppm=0, taker_ppm=1000),
]
REFUSED = [
    Submit(account=ALICE, order=new_order("hold", "limit", price="99.90", size="1")),
    Submit(account="nobody", order=ORDER),
    Cancel(account=ALICE, order_id=77),
    Withdraw(account=ALICE, asset="DOGE", amount=Decimal(1)),
    Cancel(account=ALICE, client_order_id="\ud800"),
]


@pytest.mark.parametrize("call", CALLS + REFUSED, ids=lambda call: type(call).__name__)
def test_a_call_is_the_same_after_writing_and_reading(call):
    assert decode_call(encode_call(call)) == call


@pytest.mark.parametrize("call", CALLS, ids=lambda call: type(call).__name__)
def test_a_call_that_was_read_does_the_same_to_a_venue(call):
    written, read = bench(), bench()
    before = written.fingerprint()
    results = call(written.venue, written.tick()), decode_call(encode_call(call))(read.venue, read.tick())
    assert results[0] == results[1]
    assert written.fingerprint() == read.fingerprint() != before


@pytest.mark.parametrize("call", REFUSED, ids=lambda call: type(call).__name__)
def test_a_refused_call_is_refused_again_in_the_same_words(call):
    words = []
    for one in (call, decode_call(encode_call(call))):
        with pytest.raises(BitmartError) as refused:
            one(bench().venue, 10**12)
        words.append((refused.value.code, str(refused.value)))
    assert words[0] == words[1]


@pytest.mark.parametrize(
    ("call", "cancels", "travels"),
    [(CALLS[0], False, True), (CALLS[3], True, True), (CALLS[6], True, True), (CALLS[9], False, False)],
)
def test_a_call_knows_which_latency_is_its_own(call, cancels, travels):
    assert (call.cancels, call.travels) == (cancels, travels)


def test_bytes_that_are_no_call_name_the_field():
    with pytest.raises(msgspec.ValidationError, match="order"):
        decode_call(b'{"type":"Submit","account":"alice"}')
