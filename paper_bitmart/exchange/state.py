"""The whole state of a venue as one record: what a checkpoint holds, and what two runs are compared by."""

from hashlib import sha256

import msgspec

from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.feed.events import FeedState

STATE_VERSION = 1


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """`balances`: asset -> (available_atoms, frozen_atoms)."""

    name: str
    index: int
    ample: bool
    balances: dict[str, tuple[int, int]]


class MarketState(msgspec.Struct, frozen=True, kw_only=True):
    """`matcher`: what the matching core dumped."""

    feed_state: FeedState
    last_price_ticks: int
    last_recv_ns: int
    matcher: bytes


class VenueState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a venue but its rules and settings, which belong to whoever builds it."""

    version: int
    now_ns: int
    command_ns: int
    next_event_seq: int
    next_order_id: int
    next_trade_id: int
    accounts: list[AccountState]
    fee_rates: list[tuple[str, str, int, int]]
    fee_atoms: dict[str, int]
    market_atoms: dict[str, int]
    net_deposit_atoms: dict[str, int]
    orders: list[Order]
    fills: list[Fill]
    markets: dict[str, MarketState]


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(VenueState)


def encode_state(state: VenueState) -> bytes:
    """The state as JSON; equal states give equal bytes."""
    return _ENCODER.encode(state)


def decode_state(data: bytes) -> VenueState:
    """The state that `encode_state` wrote.

    Raises:
        msgspec.DecodeError: not JSON, or (ValidationError) not a venue's state; the message names the field.
    """
    return _DECODER.decode(data)


def state_hash(state: VenueState) -> str:
    """One number to compare a replay with its original by."""
    return sha256(encode_state(state)).hexdigest()
