"""The closed vocabularies of BitMart's spot API (protocol reference 5.1)."""

from enum import StrEnum


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def code(self) -> int:
        """0 for buy, 1 for sell: the number that the event format and the matching core use."""
        return 0 if self is Side.BUY else 1


class OrderType(StrEnum):
    LIMIT = "limit"
    LIMIT_MAKER = "limit_maker"
    IOC = "ioc"
    MARKET = "market"


class OrderState(StrEnum):
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    PARTIALLY_CANCELED = "partially_canceled"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        return self in (OrderState.NEW, OrderState.PARTIALLY_FILLED)


class CancelSource(StrEnum):
    NONE = ""
    USER = "user"
    SYSTEM = "system"
    STP = "stp"


class StpMode(StrEnum):
    """Self-trade prevention; the incoming order's mode counts."""

    NONE = "none"
    CANCEL_MAKER = "cancel_maker"
    CANCEL_TAKER = "cancel_taker"
    CANCEL_BOTH = "cancel_both"


class Role(StrEnum):
    MAKER = "maker"
    TAKER = "taker"
