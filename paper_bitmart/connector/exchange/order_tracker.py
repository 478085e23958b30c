"""Follows the connector's orders through the venue's events, and tells them in Hummingbot's order.

created -> filled ... -> completed | cancelled | failed

The venue decides; here its events are only put into other words.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.bitmart.enums import OrderState as VenueState
from paper_bitmart.bitmart.enums import Role
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.connector.exchange.events import (
    BuyOrderCompletedEvent,
    BuyOrderCreatedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
    SellOrderCreatedEvent,
)
from paper_bitmart.connector.exchange.in_flight_order import InFlightOrder, TradeUpdate
from paper_bitmart.connector.exchange.publisher import Publisher
from paper_bitmart.connector.exchange.trade_fee import TradeFee
from paper_bitmart.connector.exchange.vocabulary import MarketEvent, OrderState, TradeType
from paper_bitmart.exchange.events import Event, OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.orders import Fill, Order

LOG = logging.getLogger(__name__)

CACHED_ORDERS_MAX = 1_000
"""Finished orders that can still be asked for, as many as Hummingbot keeps."""

_STATES = {
    VenueState.NEW: OrderState.OPEN,
    VenueState.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    VenueState.FILLED: OrderState.FILLED,
    VenueState.CANCELED: OrderState.CANCELED,
    VenueState.PARTIALLY_CANCELED: OrderState.CANCELED,
    VenueState.FAILED: OrderState.FAILED,
}

_PENDING_CREATE, _CANCELED, _FILLED = OrderState.PENDING_CREATE, OrderState.CANCELED, OrderState.FILLED


class OrderTracker:
    """The orders of one connector.

    Args:
        rules: by symbol.
        publisher: told each event that somebody listens to.
        now_s: market time in seconds, which stamps the events.
    """

    def __init__(
        self,
        rules: Mapping[str, SymbolRules],
        publisher: Publisher,
        now_s: Callable[[], float],
    ) -> None:
        self._rules, self._now_s = rules, now_s
        self._listeners = publisher._listeners
        self._hears, self._trigger = publisher.hears, publisher.trigger_event
        self.active_orders: dict[str, InFlightOrder] = {}
        self.lost_orders: dict[str, InFlightOrder] = {}
        self._cached: OrderedDict[str, InFlightOrder] = OrderedDict()

    @property
    def cached_orders(self) -> dict[str, InFlightOrder]:
        """Orders that came to their end, the last CACHED_ORDERS_MAX of them."""
        return dict(self._cached)

    @property
    def all_updatable_orders(self) -> dict[str, InFlightOrder]:
        """Orders that may still change: active and lost ones."""
        return {**self.active_orders, **self.lost_orders}

    @property
    def tracking_states(self) -> dict[str, Any]:
        """JSON of every order that may still change, by client order id."""
        return {order_id: order.to_json() for order_id, order in self.all_updatable_orders.items()}

    def start_tracking_order(self, order: InFlightOrder) -> None:
        self.active_orders[order.client_order_id] = order

    def stop_tracking_order(self, client_order_id: str) -> None:
        """Keep it among the cached orders; an unknown id is ignored."""
        order = self.active_orders.pop(client_order_id, None)
        if order is not None:
            self._cached[client_order_id] = order
            if len(self._cached) > CACHED_ORDERS_MAX:
                self._cached.popitem(last=False)

    def fetch_order(self, client_order_id: str) -> InFlightOrder | None:
        """An order that is active, lost or lately finished."""
        return (
            self.active_orders.get(client_order_id)
            or self.lost_orders.get(client_order_id)
            or self._cached.get(client_order_id)
        )

    # --- what the venue says ---

    def hear(self, events: Iterable[Event]) -> None:
        """Take events of the connector's account, in their order; other clients' orders are passed over."""
        for event in events:
            if not isinstance(event, OrderAccepted | OrderFilled | OrderCanceled):
                continue
            order = self.active_orders.get(event.order.client_order_id)
            if order is None:
                continue
            if isinstance(event, OrderFilled):
                self.filled(order, self._trade_update(event.fill, order.trade_type))
            self._follow(order, event.order)

    def catch_up(self, order: InFlightOrder, truth: Order, fills: Iterable[Fill]) -> None:
        """Bring a restored order up to date: untold fills, oldest first, then its present state."""
        if order.is_pending_create:
            order.update_state(OrderState.OPEN, truth.created_ns / 1e9, str(truth.order_id))
            self._created(order)
        for fill in fills:
            self.filled(order, self._trade_update(fill, order.trade_type))
        self._follow(order, truth)

    def filled(self, order: InFlightOrder, trade: TradeUpdate) -> None:
        """There was a fill; one that is known already is passed over."""
        if not order.update_with_trade_update(trade) or not self._hears(MarketEvent.OrderFilled):
            return
        self._trigger(
            MarketEvent.OrderFilled,
            OrderFilledEvent(
                self._now_s(),
                order.client_order_id,
                order.trading_pair,
                order.trade_type,
                order.order_type,
                trade.fill_price,
                trade.fill_base_amount,
                trade.fee,
                trade.trade_id,
                trade.exchange_order_id,
            ),
        )

    def filled_by(
        self, order: InFlightOrder, amount: Decimal, at_ns: int, make: Callable[[], TradeUpdate]
    ) -> None:
        """As `filled`, of a fill that is new; `make` is called when somebody wants to know more than this."""
        if self._listeners:
            self.filled(order, make())
        else:
            order.count_fill(amount, at_ns / 1e9, make)

    def reached(self, order: InFlightOrder, state: OrderState, at_ns: int, order_id: int) -> None:
        """The order is in `state` since `at_ns`, by the venue's clock."""
        before, exchange_order_id = order.current_state, order.exchange_order_id
        if exchange_order_id is None:
            exchange_order_id = str(order_id)
        elif state is before:
            return
        order.update_state(state, at_ns / 1e9, exchange_order_id)
        is_over = state is _CANCELED or state is _FILLED
        if is_over:
            self.stop_tracking_order(order.client_order_id)
        if self._listeners:
            if before is _PENDING_CREATE and state is not _CANCELED:
                self._created(order)
            if is_over:
                self._ended(order)

    def fail(self, order: InFlightOrder, error_type: str, error_message: str) -> None:
        """The order never came to be, or is gone for good."""
        now_s = self._now_s()
        order.update_state(OrderState.FAILED, now_s)
        LOG.info("order %s has failed: %s", order.client_order_id, error_message)
        self.stop_tracking_order(order.client_order_id)
        self._trigger(
            MarketEvent.OrderFailure,
            MarketOrderFailureEvent(
                now_s, order.client_order_id, order.order_type, error_message, error_type
            ),
        )

    def lose(self, order: InFlightOrder) -> None:
        """The exchange does not know the order: it has failed, and is kept among the lost ones."""
        self.fail(order, "OrderNotFound", "the exchange does not know this order")
        self._cached.pop(order.client_order_id, None)
        self.lost_orders[order.client_order_id] = order

    # --- inside ---

    def _follow(self, order: InFlightOrder, truth: Order) -> None:
        state = _STATES[truth.state]
        if truth.is_market_buy and truth.state is VenueState.PARTIALLY_CANCELED:
            # A market buy spends money, not lots: what is left is less than one lot costs. The real
            # connector takes BitMart's `partially_canceled` for the whole order as well.
            state = OrderState.FILLED
        self.reached(order, state, truth.updated_ns, truth.order_id)

    def _created(self, order: InFlightOrder) -> None:
        is_buy = order.trade_type is TradeType.BUY
        tag = MarketEvent.BuyOrderCreated if is_buy else MarketEvent.SellOrderCreated
        if not self._hears(tag):
            return
        record = BuyOrderCreatedEvent if is_buy else SellOrderCreatedEvent
        self._trigger(
            tag,
            record(
                self._now_s(),
                order.order_type,
                order.trading_pair,
                order.amount,
                order.to_limit_order().price,
                order.client_order_id,
                order.creation_timestamp,
                order.exchange_order_id,
            ),
        )

    def _ended(self, order: InFlightOrder) -> None:
        if order.is_cancelled:
            if self._hears(MarketEvent.OrderCancelled):
                self._trigger(
                    MarketEvent.OrderCancelled,
                    OrderCancelledEvent(self._now_s(), order.client_order_id, order.exchange_order_id),
                )
            return
        is_buy = order.trade_type is TradeType.BUY
        tag = MarketEvent.BuyOrderCompleted if is_buy else MarketEvent.SellOrderCompleted
        if not self._hears(tag):
            return
        record = BuyOrderCompletedEvent if is_buy else SellOrderCompletedEvent
        self._trigger(
            tag,
            record(
                self._now_s(),
                order.client_order_id,
                order.base_asset,
                order.quote_asset,
                order.executed_amount_base,
                order.executed_amount_quote,
                order.order_type,
                order.exchange_order_id,
            ),
        )

    def _trade_update(self, fill: Fill, side: TradeType) -> TradeUpdate:
        rules = self._rules[fill.symbol]
        return TradeUpdate(
            trade_id=str(fill.trade_id),
            client_order_id=fill.client_order_id,
            exchange_order_id=str(fill.order_id),
            trading_pair=trading_pair_of(fill.symbol),
            fill_timestamp=fill.at_ns / 1e9,
            fill_price=rules.price(fill.price_ticks),
            fill_base_amount=rules.size(fill.size_lots),
            fill_quote_amount=from_atoms(fill.notional_atoms),
            fee=TradeFee.of_fill(side, fill.fee_asset, from_atoms(fill.fee_atoms)),
            is_taker=fill.role is Role.TAKER,
        )
