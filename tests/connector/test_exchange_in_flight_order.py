"""An order's life as the connector keeps it, and its JSON."""

import asyncio
import json
from decimal import Decimal

import pytest

from paper_bitmart.connector.exchange.in_flight_order import InFlightOrder, TradeUpdate
from paper_bitmart.connector.exchange.trade_fee import (
    AddedToCostTradeFee,
    DeductedFromReturnsTradeFee,
    TokenAmount,
    TradeFee,
)
from paper_bitmart.connector.exchange.vocabulary import OrderState, OrderType, TradeType


def order(**changes):
    fields = {
        "client_order_id": "B1", "trading_pair": "BTC-USDT", "order_type": OrderType.LIMIT,
        "trade_type": TradeType.BUY, "amount": Decimal(2), "creation_timestamp": 1.5, "price": Decimal(100),
    }  # fmt: skip
    return InFlightOrder(**(fields | changes))


def fill(trade_id, amount, price=100, fee="0.25"):
    amount, price = Decimal(amount), Decimal(price)
    fee = TradeFee.of_fill(TradeType.BUY, "USDT", Decimal(fee))
    return TradeUpdate(trade_id, "B1", "7", "BTC-USDT", 2.5, price, amount, amount * price, fee)


def test_a_fill_counts_once():
    one = order()
    assert one.update_with_trade_update(fill("t1", "0.5"))
    assert not one.update_with_trade_update(fill("t1", "0.5"))
    assert (one.executed_amount_base, one.executed_amount_quote) == (Decimal("0.5"), 50)


def test_fills_average_by_size_and_sum_their_fees():
    one = order()
    assert one.average_executed_price is None
    one.update_with_trade_update(fill("t1", 1, 100))
    one.update_with_trade_update(fill("t2", 3, 104))
    assert one.average_executed_price == 103
    assert (one.cumulative_fee_paid("USDT"), one.cumulative_fee_paid("BTC")) == (Decimal("0.50"), 0)


@pytest.mark.parametrize(
    ("state", "is_open", "is_done"),
    [
        (OrderState.PENDING_CREATE, True, False),
        (OrderState.OPEN, True, False),
        (OrderState.PARTIALLY_FILLED, True, False),
        (OrderState.PENDING_CANCEL, True, False),
        (OrderState.CANCELED, False, True),
        (OrderState.FILLED, False, True),
        (OrderState.FAILED, False, True),
    ],
)
def test_states_are_open_or_done(state, is_open, is_done):
    one = order(initial_state=state)
    assert (one.is_open, one.is_done) == (is_open, is_done)


async def test_waiters_hear_of_the_exchange_id_and_the_last_fill():
    one = order()
    waiting = asyncio.gather(
        one.get_exchange_order_id(),
        one.wait_until_processed_by_exchange(),
        one.wait_until_completely_filled(),
    )
    await asyncio.sleep(0)
    one.update_state(OrderState.OPEN, 2.0, "7")
    one.update_with_trade_update(fill("t1", 2))
    assert await asyncio.wait_for(waiting, 5) == ["7", None, None]


def test_an_order_survives_its_json():
    one = order(exchange_order_id="7", initial_state=OrderState.PARTIALLY_FILLED)
    one.update_with_trade_update(fill("t1", "0.5"))
    text = json.dumps(one.to_json())
    again = InFlightOrder.from_json(json.loads(text))
    assert again.to_json() == one.to_json()
    assert again.order_fills == one.order_fills


def test_an_unknown_kind_of_order_is_named():
    state = order().to_json() | {"order_type": "AMM_SWAP"}
    with pytest.raises(KeyError, match="AMM_SWAP"):
        InFlightOrder.from_json(state)


def test_a_limit_order_shows_what_is_filled():
    one = order(trade_type=TradeType.SELL)
    one.update_with_trade_update(fill("t1", "0.5"))
    shown = one.to_limit_order()
    assert (shown.is_buy, shown.base_currency, shown.quote_currency) == (False, "BTC", "USDT")
    assert (shown.price, shown.quantity, shown.filled_quantity) == (100, 2, Decimal("0.5"))
    assert shown.creation_timestamp == 1_500_000


@pytest.mark.parametrize("kind", [AddedToCostTradeFee, DeductedFromReturnsTradeFee])
def test_a_fee_survives_its_json(kind):
    fee = kind(Decimal("0.001"), "USDT", (TokenAmount("USDT", Decimal("1.5")),))
    assert TradeFee.from_json(json.loads(json.dumps(fee.to_json()))) == fee
    assert fee.fee_asset == "USDT"


def test_fees_of_different_kinds_differ():
    assert AddedToCostTradeFee() != DeductedFromReturnsTradeFee()
    assert AddedToCostTradeFee().fee_asset is None
