"""What the venue says happened: one record per change, in the order in which a client sees them.

Replaying the events of a venue from its beginning (or from a checkpoint) gives the same accounts, orders
and balances: nothing changes without one of them. They are msgspec Structs, tagged by class name, so that
`encode_events` and `decode_events` round-trip; money is an int of any size, which msgspec's JSON carries.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.feed.events import FeedState


class BalanceReason(StrEnum):
    """Why a balance changed."""

    DEPOSIT = "deposit"
    WITHDRAW = "withdraw"
    HOLD = "hold"
    """An order was accepted and froze funds."""
    TRADE = "trade"
    """A fill: what was frozen for it is paid (and the excess released), or what it bought is received."""
    RELEASE = "release"
    """The rest of an order was cancelled, its funds are free again."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """`seq` rises by one per event of a venue; `at_ns`: when it happened, ns since 1970."""

    seq: int
    at_ns: int


class AccountOpened(Event, frozen=True, kw_only=True):
    """`ample`: the account was given plenty of every asset, and of those that come later."""

    account: str
    index: int
    ample: bool


class FeesChanged(Event, frozen=True, kw_only=True):
    """Rates of an account for one symbol, or for all symbols ("")."""

    account: str
    symbol: str
    maker_ppm: int
    taker_ppm: int


class OrderAccepted(Event, frozen=True, kw_only=True):
    """`queue_ahead`: lots with priority where the order came to rest; -1.0: it did not, or nobody knows."""

    order: Order
    queue_ahead: float = -1.0


class OrderFilled(Event, frozen=True, kw_only=True):
    """One fill, and the order as it is after it."""

    order: Order
    fill: Fill


class OrderCanceled(Event, frozen=True, kw_only=True):
    """The end of an order that is not a fill.

    Its state is `canceled` or `partially_canceled`; it says `system` or `stp` when the user did not ask.
    """

    order: Order


class BalanceChanged(Event, frozen=True, kw_only=True):
    """The balance of one asset after a change, in atoms."""

    account: str
    asset: str
    available_atoms: int
    frozen_atoms: int
    reason: BalanceReason


class FeedChanged(Event, frozen=True, kw_only=True):
    """How far a symbol's market can be trusted from now on."""

    symbol: str
    state: FeedState


class Journal(Protocol):
    """Where the venue writes its events before it returns them."""

    def record(self, events: list[Event]) -> None:
        """Take the next events of the venue, in their order."""


AnyEvent = (
    AccountOpened | FeesChanged | OrderAccepted | OrderFilled | OrderCanceled | BalanceChanged | FeedChanged
)

_ENCODER = msgspec.json.Encoder(decimal_format="string")
_DECODER: msgspec.json.Decoder[list[AnyEvent]] = msgspec.json.Decoder(list[AnyEvent])


def encode_events(events: Sequence[Event]) -> bytes:
    """Events as one compact JSON array."""
    return _ENCODER.encode(events)


def decode_events(data: bytes) -> list[AnyEvent]:
    """The events that `encode_events` wrote.

    Raises:
        msgspec.ValidationError: `data` is JSON but no list of events; the message names the field.
        msgspec.DecodeError: `data` is not JSON.
    """
    return _DECODER.decode(data)
