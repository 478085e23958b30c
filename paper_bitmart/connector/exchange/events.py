"""The records that a connector's listeners get, with Hummingbot's names and fields.

`timestamp` is market time in seconds (a float, as everywhere in Hummingbot), when the connector told it;
`order_id` is the client's; amounts and prices are Decimals.

    BuyOrderCreated      BuyOrderCreatedEvent       the exchange has accepted the order
    SellOrderCreated     SellOrderCreatedEvent
    OrderFilled          OrderFilledEvent           once per fill
    BuyOrderCompleted    BuyOrderCompletedEvent     filled to its end
    SellOrderCompleted   SellOrderCompletedEvent
    OrderCancelled       OrderCancelledEvent        by the user or the exchange, also after partial fills
    OrderFailure         MarketOrderFailureEvent    never reached the book, or is lost

Source: `hummingbot.core.event.events` of Hummingbot 20260922.
"""

from decimal import Decimal
from typing import NamedTuple

from paper_bitmart.connector.exchange.trade_fee import TradeFee
from paper_bitmart.connector.exchange.vocabulary import OrderType, PositionAction, TradeType


class BuyOrderCreatedEvent(NamedTuple):
    timestamp: float
    type: OrderType
    trading_pair: str
    amount: Decimal
    price: Decimal
    order_id: str
    creation_timestamp: float
    exchange_order_id: str | None = None
    leverage: int = 1
    position: str = PositionAction.NIL.value


class SellOrderCreatedEvent(NamedTuple):
    timestamp: float
    type: OrderType
    trading_pair: str
    amount: Decimal
    price: Decimal
    order_id: str
    creation_timestamp: float
    exchange_order_id: str | None = None
    leverage: int = 1
    position: str = PositionAction.NIL.value


class OrderFilledEvent(NamedTuple):
    timestamp: float
    order_id: str
    trading_pair: str
    trade_type: TradeType
    order_type: OrderType
    price: Decimal
    amount: Decimal
    trade_fee: TradeFee
    exchange_trade_id: str = ""
    exchange_order_id: str = ""
    leverage: int = 1
    position: str = PositionAction.NIL.value


class BuyOrderCompletedEvent(NamedTuple):
    timestamp: float
    order_id: str
    base_asset: str
    quote_asset: str
    base_asset_amount: Decimal
    quote_asset_amount: Decimal
    order_type: OrderType
    exchange_order_id: str | None = None


class SellOrderCompletedEvent(NamedTuple):
    timestamp: float
    order_id: str
    base_asset: str
    quote_asset: str
    base_asset_amount: Decimal
    quote_asset_amount: Decimal
    order_type: OrderType
    exchange_order_id: str | None = None


class OrderCancelledEvent(NamedTuple):
    timestamp: float
    order_id: str
    exchange_order_id: str | None = None


class MarketOrderFailureEvent(NamedTuple):
    timestamp: float
    order_id: str
    order_type: OrderType
    error_message: str | None = None
    error_type: str | None = None


class OrderBookTradeEvent(NamedTuple):
    """A print of the market; `type` is the aggressor's side, `timestamp` the venue's."""

    trading_pair: str
    timestamp: float
    type: TradeType
    price: Decimal
    amount: Decimal
    trade_id: str | None = None
    is_taker: bool = True
