"""The closed vocabularies of BitMart's spot API (protocol reference 5.1)."""

from enum import StrEnum


class Side(StrEnum):
    """Of an order; of a print it is the aggressor's."""

    BUY = "buy"
    SELL = "sell"

    @property
    def code(self) -> int:
        """0 for buy, 1 for sell: the number that the event format and the matching core use."""
        return 0 if self is Side.BUY else 1


class OrderType(StrEnum):
    """`limit_maker` is post-only; `ioc` takes what is there at its price or better, the rest is cancelled."""

    LIMIT = "limit"
    LIMIT_MAKER = "limit_maker"
    IOC = "ioc"
    MARKET = "market"


class OrderState(StrEnum):
    """Where an order is in its life; the last four are final."""

    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    PARTIALLY_CANCELED = "partially_canceled"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether the order may still fill."""
        return self in _OPEN


_OPEN = frozenset({OrderState.NEW, OrderState.PARTIALLY_FILLED})


class CancelSource(StrEnum):
    """Who cancelled an order; empty while nobody did. `stp`: self-trade prevention."""

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
    """Of a fill: `maker` rested, `taker` met what rested. It decides the fee rate."""

    MAKER = "maker"
    TAKER = "taker"
