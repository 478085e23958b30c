"""Pushes of the private websocket channels; encode and decode are the same definition (reference 6.12, 6.13).

One order per order push. One element in `data` and one in `balance_details` per balance push: ccxt loses what
goes beyond that.
"""

from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from paper_bitmart.bitmart import topics
from paper_bitmart.bitmart.control_messages import CONTROL_FRAME, ControlFrame
from paper_bitmart.bitmart.decoding import JsonDecoder, MessageError, message_error
from paper_bitmart.bitmart.enums import OrderState, OrderType, Side
from paper_bitmart.bitmart.public_messages import Tagged

NUMERIC_STATES: Final[dict[OrderState, str]] = {
    OrderState.NEW: "4",
    OrderState.PARTIALLY_FILLED: "5",
    OrderState.FILLED: "6",
    OrderState.CANCELED: "8",
    OrderState.PARTIALLY_CANCELED: "12",
    OrderState.FAILED: "1",
}
"""The old field `state`, the only one that ccxt reads (protocol reference 5.1)."""

SHOWN_TYPES: Final[dict[OrderType, Literal["limit", "market"]]] = {
    OrderType.LIMIT: "limit",
    OrderType.LIMIT_MAKER: "limit",
    OrderType.IOC: "limit",
    OrderType.MARKET: "market",
}
"""The field `type`: post-only and ioc show as limit."""

ENTRUST_TYPES: Final[dict[OrderType, str]] = {
    OrderType.LIMIT: "normal",
    OrderType.LIMIT_MAKER: "limit_maker",
    OrderType.IOC: "ioc",
    OrderType.MARKET: "normal",
}
"""The field `entrust_type`, which tells post-only and ioc apart from limit."""

OLD_ORDER_TYPES: Final[dict[OrderType, str]] = {
    OrderType.LIMIT: "0",
    OrderType.LIMIT_MAKER: "1",
    OrderType.IOC: "3",
    OrderType.MARKET: "0",
}
"""The old field `order_type`: 0 regular, 1 maker only, 3 ioc."""


class OrderUpdate(msgspec.Struct, kw_only=True):
    """The state of one order after a transition. All values are text, times are ms (6.12)."""

    symbol: str
    side: Side
    type: Literal["limit", "market"]
    notional: str
    """The amount of a market buy, else ""."""
    size: str
    ms_t: str
    """Time of creation."""
    price: str
    filled_notional: str
    filled_size: str
    margin_trading: str = "0"
    state: str
    """See `NUMERIC_STATES`."""
    order_id: str
    order_type: str
    """See `OLD_ORDER_TYPES`."""
    last_fill_time: str
    """Of the latest fill, as are price and count; "0" if there is none."""
    last_fill_price: str
    last_fill_count: str
    exec_type: str
    """M or T of the latest fill."""
    detail_id: str
    """Trade id of the latest fill, "" if there is none."""
    client_order_id: str
    create_time: str
    update_time: str
    order_mode: str = "spot"
    entrust_type: str
    """See `ENTRUST_TYPES`; clients read it in any case."""
    order_state: OrderState
    dealFee: str
    deal_fee_coin_name: str
    clientOid: str | UnsetType = UNSET
    """Never sent by BitMart; ccxt would read it (protocol reference 9.2)."""


class BalanceDetail(msgspec.Struct, kw_only=True):
    """One currency after the change."""

    ccy: str
    av_bal: str
    fz_bal: str


EventType = Literal[
    "TRANSACTION_COMPLETED", "ACCOUNT_RECHARGE", "ACCOUNT_WITHDRAWAL", "ACCOUNT_TRANSFER", "BMX_DEDUCTION"
]


class BalanceUpdate(msgspec.Struct, kw_only=True):
    """A change of a balance and what caused it (6.13)."""

    event_type: EventType
    event_time: str
    """ms."""
    account_type: str | UnsetType = UNSET
    """Observed by one client: BITMART, COPPER, COBO."""
    balance_details: list[BalanceDetail]


class OrderPush(Tagged, tag=topics.USER_ORDER):
    """Answers a subscription of one symbol."""

    data: list[OrderUpdate]


class OrdersPush(Tagged, tag=topics.USER_ORDERS):
    """Answers a subscription of all symbols."""

    data: list[OrderUpdate]


class BalancePush(Tagged, tag=topics.USER_BALANCE):
    data: list[BalanceUpdate]


PrivatePush = OrderPush | OrdersPush | BalancePush

encode = msgspec.json.Encoder().encode
"""A push as compact JSON, `table` first."""


class _Head(msgspec.Struct):
    table: str = ""
    event: str = ""


_HEAD = JsonDecoder[_Head](_Head)
_decode_push = msgspec.json.Decoder(PrivatePush).decode
_NOT_A_PUSH = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_private(payload: bytes) -> PrivatePush | ControlFrame:
    """Read one inbound frame of a private connection, after inflating.

    Raises:
        MessageError: not JSON, a table that BitMart does not have, a field missing or of a wrong type.
    """
    try:
        return _decode_push(payload)
    except _NOT_A_PUSH as error:
        head = _HEAD.decode(payload)
        if head.table in topics.PRIVATE_CHANNELS:
            raise message_error(error) from error
        if head.table:
            raise MessageError("table", f"BitMart has no private channel {head.table[:80]!r}") from None
        if head.event:
            return CONTROL_FRAME.decode(payload)
        raise MessageError("", "neither a push (table) nor a control frame (event)") from None
