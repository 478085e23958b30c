"""Orders and fills: what a client asks for, what the venue remembers.

All three records are immutable, and hold nothing that could lead back to them: the collector of cycles is
spared them. An order that changes is replaced by a new record, so the order that
an event carries *is* the order at that transition, for ever, without a copy being taken.
"""

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from paper_bitmart.bitmart.enums import CancelSource, OrderState, OrderType, Role, Side, StpMode
from paper_bitmart.matching.reports import Evidence


class NewOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One order as a client sends it, before any check (protocol reference 5.6).

    `symbol`, `side` and `type` are always needed; `size` by all but a market buy, `price` by the limit
    types, `notional` (quote currency) by a market buy. What the type does not use is ignored, as on BitMart.
    `side`, `type` and `stp_mode` are members of their enums, or a client's text that the venue will check.
    """

    symbol: str
    side: str
    type: str
    price: Decimal | None = None
    size: Decimal | None = None
    notional: Decimal | None = None
    client_order_id: str | None = None
    stp_mode: str = StpMode.NONE


class Fill(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One trade of an own order against the market, with the evidence that caused it.

    `notional_atoms` and `fee_atoms` are 10^-18 of the quote currency. The evidence fields are the matching
    core's report: which kind of market event, at which price and of how many lots, and the queue ahead of
    the order before and after it (lots; -1.0 where nobody can know it).
    """

    trade_id: int
    order_id: int
    client_order_id: str
    account: str
    symbol: str
    side: Side
    order_type: OrderType
    stp_mode: StpMode
    role: Role
    price_ticks: int
    size_lots: int
    notional_atoms: int
    fee_atoms: int
    fee_asset: str
    at_ns: int
    exch_ns: int
    evidence: Evidence
    evidence_price_ticks: int
    evidence_lots: int
    ahead_before: float
    ahead_after: float
    counter_order_id: int = 0
    """The other own order of a self-trade, else 0."""


class Order(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An accepted order at one moment of its life.

    Prices in ticks, sizes in lots, money in atoms. A market order has `price_ticks` 0; a market buy has
    `size_lots` 0 and in `notional_atoms` the amount it may spend (given amount less the reserved fee,
    protocol reference 10, question 8); `notional_atoms` is 0 for every other order. The fee rates are those
    of the moment of acceptance, so a later change of fees cannot exceed what the order has frozen.
    """

    order_id: int
    client_order_id: str
    account: str
    symbol: str
    side: Side
    type: OrderType
    price_ticks: int
    size_lots: int
    notional_atoms: int
    stp_mode: StpMode
    maker_ppm: int
    taker_ppm: int
    hold_asset: str
    hold_atoms: int
    """Frozen for this order now; 0 once it is closed."""
    created_ns: int
    updated_ns: int
    state: OrderState = OrderState.NEW
    cancel_source: CancelSource = CancelSource.NONE
    filled_lots: int = 0
    filled_notional_atoms: int = 0
    fee_atoms: int = 0
    """Fees of all fills so far, quote currency."""
    last_fill: Fill | None = None

    @property
    def is_open(self) -> bool:
        return self.state.is_open

    @property
    def is_market_buy(self) -> bool:
        return self.type is OrderType.MARKET and self.side is Side.BUY

    @property
    def leaves_lots(self) -> int:
        """Lots not filled yet; 0 for a market buy, which is counted in money."""
        return 0 if self.is_market_buy else self.size_lots - self.filled_lots

    def with_fill(self, fill: Fill, *, hold_atoms: int) -> "Order":
        """The order after `fill`; `hold_atoms` is what stays frozen for the rest of it."""
        filled = self.filled_lots + fill.size_lots, self.filled_notional_atoms + fill.notional_atoms
        complete = filled[1] == self.notional_atoms if self.is_market_buy else filled[0] == self.size_lots
        return replace(
            self,
            state=OrderState.FILLED if complete else OrderState.PARTIALLY_FILLED,
            filled_lots=filled[0],
            filled_notional_atoms=filled[1],
            fee_atoms=self.fee_atoms + fill.fee_atoms,
            hold_atoms=hold_atoms,
            last_fill=fill,
            updated_ns=fill.at_ns,
        )

    def canceled(self, source: CancelSource, at_ns: int) -> "Order":
        """The order after its rest was cancelled by `source`; nothing stays frozen."""
        state = OrderState.PARTIALLY_CANCELED if self.filled_lots else OrderState.CANCELED
        return replace(self, state=state, cancel_source=source, hold_atoms=0, updated_ns=at_ns)
