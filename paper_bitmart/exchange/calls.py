"""The commands of a session as records: what a client asks of the venue, apart from when it arrives.

A call is a function of (venue, arrival time) that can be written down: `encode_call` and `decode_call`
round-trip, so a recorded call does to a replayed venue what it did to the live one.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.exchange.events import Event
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.exchange.recording_json import RecordDecoder, encode_record
from paper_bitmart.exchange.venue import CancelResult, Venue

Run = Callable[[Venue, int], Any]
"""What a session sends to the venue; a `Call` wherever it may be recorded."""


class Call(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One command of `account`; calling it does it, with the errors of the venue's method of that name.

    `cancels`: it is delayed by the cancel latency. `travels`: it is delayed at all.
    """

    account: str
    cancels: ClassVar[bool] = False
    travels: ClassVar[bool] = True

    def __call__(self, venue: Venue, at_ns: int) -> list[Event] | CancelResult:
        """Do it at `at_ns`, ns since 1970. Raises BitmartError (refused, nothing changed) or ValueError."""
        raise NotImplementedError


class Submit(Call, frozen=True, kw_only=True):
    order: NewOrder

    def __call__(self, venue: Venue, at_ns: int) -> list[Event]:
        return venue.submit(self.account, self.order, at_ns)


class SubmitBatch(Call, frozen=True, kw_only=True):
    orders: tuple[NewOrder, ...]

    def __call__(self, venue: Venue, at_ns: int) -> list[Event]:
        return venue.submit_batch(self.account, self.orders, at_ns)


class Cancel(Call, frozen=True, kw_only=True):
    order_id: int | None = None
    client_order_id: str | None = None
    symbol: str | None = None
    cancels: ClassVar[bool] = True

    def __call__(self, venue: Venue, at_ns: int) -> list[Event]:
        return venue.cancel(
            self.account,
            order_id=self.order_id,
            client_order_id=self.client_order_id,
            symbol=self.symbol,
            at_ns=at_ns,
        )


class CancelOrders(Call, frozen=True, kw_only=True):
    order_ids: tuple[str, ...] = ()
    client_order_ids: tuple[str, ...] = ()
    symbol: str | None = None
    cancels: ClassVar[bool] = True

    def __call__(self, venue: Venue, at_ns: int) -> CancelResult:
        return venue.cancel_orders(
            self.account,
            order_ids=self.order_ids,
            client_order_ids=self.client_order_ids,
            symbol=self.symbol,
            at_ns=at_ns,
        )


class CancelAll(Call, frozen=True, kw_only=True):
    symbol: str | None = None
    side: Side | None = None
    cancels: ClassVar[bool] = True

    def __call__(self, venue: Venue, at_ns: int) -> list[Event]:
        return venue.cancel_all(self.account, symbol=self.symbol, side=self.side, at_ns=at_ns)


class OpenAccount(Call, frozen=True, kw_only=True):
    """`balances`: None gives ample of everything."""

    balances: dict[str, Decimal] | None = None
    travels: ClassVar[bool] = False

    def __call__(self, venue: Venue, at_ns: int) -> list[Event]:
        return venue.open_account(self.account, self.balances, at_ns)


class Deposit(Call, frozen=True, kw_only=True):
    asset: str
    amount: Decimal
    travels: ClassVar[bool] = False

    def __call__(self, venue: Venue, at_ns: int) -> list[Event]:
        return venue.deposit(self.account, self.asset, self.amount, at_ns)


class Withdraw(Call, frozen=True, kw_only=True):
    asset: str
    amount: Decimal
    travels: ClassVar[bool] = False

    def __call__(self, venue: Venue, at_ns: int) -> list[Event]:
        return venue.withdraw(self.account, self.asset, self.amount, at_ns)


class SetFees(Call, frozen=True, kw_only=True):
    """`symbol`: None sets the rates of all symbols without own ones."""

    symbol: str | None
    maker_ppm: int
    taker_ppm: int
    travels: ClassVar[bool] = False

    def __call__(self, venue: Venue, at_ns: int) -> list[Event]:
        return venue.set_fees(self.account, self.symbol, self.maker_ppm, self.taker_ppm, at_ns)


AnyCall = (
    Submit | SubmitBatch | Cancel | CancelOrders | CancelAll | OpenAccount | Deposit | Withdraw | SetFees
)

_DECODER: RecordDecoder[AnyCall] = RecordDecoder(AnyCall)


def encode_call(call: Call) -> bytes:
    """One call as compact JSON; numbers of money are decimal text."""
    return encode_record(call)


def decode_call(data: bytes) -> AnyCall:
    """The call that `encode_call` wrote.

    Raises:
        msgspec.ValidationError: JSON, but no call; the message names the field.
        msgspec.DecodeError: not JSON.
    """
    return _DECODER.decode(data)
