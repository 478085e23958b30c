"""Hummingbot's words, with its names and values, so that code written for it reads on without it.

Source: `hummingbot.core.data_type.common`, `hummingbot.core.event.events` and
`hummingbot.core.network_iterator` of Hummingbot 20260922; a test compares them with an installed one.
"""

from enum import Enum


class OrderType(Enum):
    """How an order is carried out; a BitMart connector takes these three."""

    MARKET = 1
    LIMIT = 2
    LIMIT_MAKER = 3

    def is_limit_type(self) -> bool:
        return self is not OrderType.MARKET


class TradeType(Enum):
    BUY = 1
    SELL = 2


class PriceType(Enum):
    MidPrice = 1
    BestBid = 2
    BestAsk = 3
    LastTrade = 4


class PositionAction(Enum):
    """Spot orders have none; the word is part of the events' fields."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"
    NIL = "NIL"


class OrderState(Enum):
    """Of an order as the connector knows it; BitMart's own states are in `bitmart.enums`."""

    PENDING_CREATE = 0
    OPEN = 1
    PENDING_CANCEL = 2
    CANCELED = 3
    PARTIALLY_FILLED = 4
    FILLED = 5
    FAILED = 6


class NetworkStatus(Enum):
    STOPPED = 0
    NOT_CONNECTED = 1
    CONNECTED = 2


class MarketEvent(Enum):
    """What `add_listener` of the connector listens to; see `events` for the records."""

    BuyOrderCompleted = 102
    SellOrderCompleted = 103
    OrderCancelled = 106
    OrderFilled = 107
    OrderFailure = 198
    BuyOrderCreated = 200
    SellOrderCreated = 201


class OrderBookEvent(int, Enum):
    """What `add_listener` of an order book listens to."""

    TradeEvent = 901
    OrderBookDataSourceUpdateEvent = 904
