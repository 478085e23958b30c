"""An order as the connector follows it, in Hummingbot's form and its JSON."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from paper_bitmart.connector.exchange.trade_fee import TradeFee
from paper_bitmart.connector.exchange.vocabulary import OrderState, OrderType, PositionAction, TradeType

ZERO, NAN = Decimal(0), Decimal("NaN")
_NO_POSITION = PositionAction.NIL
_FILLED, _CANCELED, _FAILED = OrderState.FILLED, OrderState.CANCELED, OrderState.FAILED
EXCHANGE_ORDER_ID_S_MAX = 10
"""How long `get_exchange_order_id` waits, real seconds."""


class TradeUpdate(NamedTuple):
    """One fill; `fill_timestamp` is the exchange's, in seconds."""

    trade_id: str
    client_order_id: str
    exchange_order_id: str
    trading_pair: str
    fill_timestamp: float
    fill_price: Decimal
    fill_base_amount: Decimal
    fill_quote_amount: Decimal
    fee: TradeFee
    is_taker: bool = True

    @property
    def fee_asset(self) -> str | None:
        return self.fee.fee_asset

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, numbers as text."""
        return self._asdict() | {
            "fill_price": str(self.fill_price),
            "fill_base_amount": str(self.fill_base_amount),
            "fill_quote_amount": str(self.fill_quote_amount),
            "fee": self.fee.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TradeUpdate":
        """What `to_json` wrote. Raises KeyError naming a missing field."""
        return cls(
            trade_id=data["trade_id"],
            client_order_id=data["client_order_id"],
            exchange_order_id=data["exchange_order_id"],
            trading_pair=data["trading_pair"],
            fill_timestamp=data["fill_timestamp"],
            fill_price=Decimal(data["fill_price"]),
            fill_base_amount=Decimal(data["fill_base_amount"]),
            fill_quote_amount=Decimal(data["fill_quote_amount"]),
            fee=TradeFee.from_json(data["fee"]),
            is_taker=data.get("is_taker", True),
        )


class _Milestones(NamedTuple):
    """What of an order can be waited for."""

    has_exchange_order_id: asyncio.Event
    completely_filled: asyncio.Event
    processed_by_exchange: asyncio.Event


class LimitOrder(NamedTuple):
    """What `limit_orders` lists; `creation_timestamp` in microseconds."""

    client_order_id: str
    trading_pair: str
    is_buy: bool
    base_currency: str
    quote_currency: str
    price: Decimal
    quantity: Decimal
    filled_quantity: Decimal
    creation_timestamp: int


class InFlightOrder:
    """One order from `buy` or `sell` to its end. Amounts in base currency, timestamps in seconds.

    Attributes:
        price: None, or NaN as given, for a market order.
        place: where the exchange inside keeps it, if that needs to be told; else None.
        last_update_timestamp: of the newest change, by the exchange's clock.
    """

    __slots__ = (
        "_fills", "_fills_to_come", "_limit_order", "_milestones", "_quote", "amount", "client_order_id",
        "creation_timestamp", "current_state", "exchange_order_id", "executed_amount_base",
        "last_update_timestamp", "leverage", "order_type", "place", "position", "price", "trade_type",
        "trading_pair",
    )  # fmt: skip

    def __init__(
        self,
        client_order_id: str,
        trading_pair: str,
        order_type: OrderType,
        trade_type: TradeType,
        amount: Decimal,
        creation_timestamp: float,
        price: Decimal | None = None,
        exchange_order_id: str | None = None,
        initial_state: OrderState = OrderState.PENDING_CREATE,
    ) -> None:
        self.client_order_id, self.trading_pair = client_order_id, trading_pair
        self.order_type, self.trade_type = order_type, trade_type
        self.amount, self.price = amount, price
        self.creation_timestamp = self.last_update_timestamp = creation_timestamp
        self.exchange_order_id = exchange_order_id
        self.current_state = initial_state
        self.leverage, self.position = 1, _NO_POSITION
        self.executed_amount_base = self._quote = ZERO
        self._fills: dict[str, TradeUpdate] = {}
        self._fills_to_come: list[Callable[[], TradeUpdate]] | None = None
        self.place: tuple[int, int] | None = None
        self._milestones: _Milestones | None = None
        self._limit_order: LimitOrder | None = None

    # --- what it is ---

    @property
    def base_asset(self) -> str:
        return self.trading_pair.split("-")[0]

    @property
    def quote_asset(self) -> str:
        return self.trading_pair.split("-")[1]

    @property
    def is_pending_create(self) -> bool:
        return self.current_state is OrderState.PENDING_CREATE

    @property
    def is_open(self) -> bool:
        state = self.current_state
        return state is not _FILLED and state is not _CANCELED and state is not _FAILED

    @property
    def is_filled(self) -> bool:
        has_all = self.amount != ZERO and self.executed_amount_base >= self.amount
        return self.current_state is OrderState.FILLED or has_all

    @property
    def is_done(self) -> bool:
        return not self.is_open or self.executed_amount_base >= self.amount

    @property
    def is_failure(self) -> bool:
        return self.current_state is OrderState.FAILED

    @property
    def is_cancelled(self) -> bool:
        return self.current_state is OrderState.CANCELED

    @property
    def average_executed_price(self) -> Decimal | None:
        """Mean price of the fills, weighted by size; None before the first."""
        base = sum((fill.fill_base_amount for fill in self.order_fills.values()), ZERO)
        value = sum((fill.fill_price * fill.fill_base_amount for fill in self.order_fills.values()), ZERO)
        return value / base if base and value else None

    def cumulative_fee_paid(self, token: str) -> Decimal:
        """Sum of the fees paid in `token`; other tokens are not converted."""
        fees = (fee for fill in self.order_fills.values() for fee in fill.fee.flat_fees)
        return sum((fee.amount for fee in fees if fee.token == token), ZERO)

    @property
    def order_fills(self) -> dict[str, TradeUpdate]:
        """By trade id."""
        self._make_fills()
        return self._fills

    @property
    def executed_amount_quote(self) -> Decimal:
        """What the fills were worth."""
        self._make_fills()
        return self._quote

    def _make_fills(self) -> None:
        if self._fills_to_come is not None:
            made, self._fills_to_come = self._fills_to_come, None
            for make in made:
                trade = make()
                self._fills[trade.trade_id] = trade
                self._quote += trade.fill_quote_amount

    # --- what happens to it ---

    def update_state(self, state: OrderState, timestamp: float, exchange_order_id: str | None = None) -> None:
        """The exchange says that it is in `state` now."""
        self.exchange_order_id = self.exchange_order_id or exchange_order_id
        self.current_state, self.last_update_timestamp = state, timestamp
        if self._milestones is not None:
            self._set_events(self._milestones)

    def update_with_trade_update(self, trade: TradeUpdate) -> bool:
        """Count a fill once; returns whether it was new."""
        if trade.trade_id in self.order_fills:
            return False
        self._fills[trade.trade_id] = trade
        self._quote += trade.fill_quote_amount
        self._executed(trade.fill_base_amount, trade.fill_timestamp)
        return True

    def count_fill(self, amount: Decimal, timestamp: float, make: Callable[[], TradeUpdate]) -> None:
        """Count a fill that is new; `make` will say the rest of it when somebody asks."""
        if self._fills_to_come is None:
            self._fills_to_come = []
        self._fills_to_come.append(make)
        self._executed(amount, timestamp)

    def _executed(self, amount: Decimal, timestamp: float) -> None:
        self._limit_order = None
        self.executed_amount_base += amount
        self.last_update_timestamp = timestamp
        if self._milestones is not None:
            self._set_events(self._milestones)

    def _set_events(self, milestones: "_Milestones") -> None:
        if self.exchange_order_id is not None:
            milestones.has_exchange_order_id.set()
        if self.is_filled:
            milestones.completely_filled.set()
        if not self.is_pending_create:
            milestones.processed_by_exchange.set()

    # --- waiting ---

    @property
    def exchange_order_id_update_event(self) -> asyncio.Event:
        """Set once the exchange has given its id."""
        return self._awaited().has_exchange_order_id

    @property
    def completely_filled_event(self) -> asyncio.Event:
        """Set once everything is filled."""
        return self._awaited().completely_filled

    @property
    def processed_by_exchange_event(self) -> asyncio.Event:
        """Set once the exchange has said anything about it."""
        return self._awaited().processed_by_exchange

    def _awaited(self) -> "_Milestones":
        """Made when first asked for: hardly anybody waits, and three events cost as much as the order."""
        if self._milestones is None:
            self._milestones = _Milestones(asyncio.Event(), asyncio.Event(), asyncio.Event())
            self._set_events(self._milestones)
        return self._milestones

    async def get_exchange_order_id(self) -> str:
        """The exchange's id, once it has given one. Raises TimeoutError after EXCHANGE_ORDER_ID_S_MAX."""
        async with asyncio.timeout(EXCHANGE_ORDER_ID_S_MAX):
            await self.exchange_order_id_update_event.wait()
        assert self.exchange_order_id is not None
        return self.exchange_order_id

    async def wait_until_completely_filled(self) -> None:
        await self.completely_filled_event.wait()

    async def wait_until_processed_by_exchange(self) -> None:
        await self.processed_by_exchange_event.wait()

    # --- other forms ---

    def to_limit_order(self) -> LimitOrder:
        """As `limit_orders` lists it; made once between two fills."""
        if self._limit_order is not None:
            return self._limit_order
        base, _, quote = self.trading_pair.partition("-")
        fields = (
            self.client_order_id,
            self.trading_pair,
            self.trade_type is TradeType.BUY,
            base,
            quote,
            NAN if self.price is None else self.price,
            self.amount,
            self.executed_amount_base,
            int(self.creation_timestamp * 1e6),
        )
        # As `LimitOrder(*fields)`, which is slower.
        made = self._limit_order = tuple.__new__(LimitOrder, fields)
        return made

    def to_json(self) -> dict[str, Any]:
        """As Hummingbot's `InFlightOrder.from_json` reads it; numbers as text."""
        return {
            "client_order_id": self.client_order_id,
            "exchange_order_id": self.exchange_order_id,
            "trading_pair": self.trading_pair,
            "order_type": self.order_type.name,
            "trade_type": self.trade_type.name,
            "price": str(NAN if self.price is None else self.price),
            "amount": str(self.amount),
            "executed_amount_base": str(self.executed_amount_base),
            "executed_amount_quote": str(self.executed_amount_quote),
            "last_state": str(self.current_state.value),
            "leverage": str(self.leverage),
            "position": self.position.value,
            "creation_timestamp": self.creation_timestamp,
            "last_update_timestamp": self.last_update_timestamp,
            "order_fills": {trade_id: fill.to_json() for trade_id, fill in self.order_fills.items()},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "InFlightOrder":
        """The order that `to_json`, of this class or of Hummingbot's, wrote.

        Raises:
            KeyError: a field is missing or an enum has no such member, by name.
            ValueError: a state that spot orders do not have.
        """
        order = cls(
            client_order_id=data["client_order_id"],
            trading_pair=data["trading_pair"],
            order_type=OrderType[data["order_type"]],
            trade_type=TradeType[data["trade_type"]],
            amount=Decimal(data["amount"]),
            creation_timestamp=data.get("creation_timestamp", -1),
            price=Decimal(data["price"]),
            exchange_order_id=data["exchange_order_id"],
            initial_state=OrderState(int(data["last_state"])),
        )
        order.executed_amount_base = Decimal(data["executed_amount_base"])
        order._quote = Decimal(data["executed_amount_quote"])
        fills = data.get("order_fills", {})
        order._fills = {trade_id: TradeUpdate.from_json(fill) for trade_id, fill in fills.items()}
        order.last_update_timestamp = data.get("last_update_timestamp", order.creation_timestamp)
        return order

    def __repr__(self) -> str:
        return (
            f"InFlightOrder({self.client_order_id}, {self.trade_type.name} {self.order_type.name} "
            f"{self.amount} {self.trading_pair} at {self.price}, {self.current_state.name}, "
            f"filled {self.executed_amount_base})"
        )
