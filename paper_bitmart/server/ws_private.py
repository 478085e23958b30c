"""The private topics: one push per order transition and balance change (protocol reference 6.12, 6.13)."""

from collections.abc import Callable

from paper_bitmart.bitmart import private_messages as messages
from paper_bitmart.bitmart.decimals import format_atoms
from paper_bitmart.bitmart.enums import Role
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.bitmart.topics import (
    ALL_SYMBOLS,
    BALANCE_UPDATE,
    USER_BALANCE,
    USER_ORDER,
    USER_ORDERS,
    Topic,
)
from paper_bitmart.exchange.events import (
    BalanceChanged,
    BalanceReason,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
)
from paper_bitmart.exchange.orders import Order
from paper_bitmart.server.ws_outbox import Frame
from paper_bitmart.server.ws_push import PushEncoder

NS_PER_MS = 1_000_000
ORDERS_TOPIC = Topic(USER_ORDERS, ALL_SYMBOLS)
BALANCE_TOPIC = Topic(USER_BALANCE, BALANCE_UPDATE)

EVENT_TYPES: dict[BalanceReason, messages.EventType] = {
    BalanceReason.DEPOSIT: "ACCOUNT_RECHARGE",
    BalanceReason.WITHDRAW: "ACCOUNT_WITHDRAWAL",
    # Freezing and releasing are not among BitMart's documented causes; pushed as trades (reference 6.13).
    BalanceReason.HOLD: "TRANSACTION_COMPLETED",
    BalanceReason.TRADE: "TRANSACTION_COMPLETED",
    BalanceReason.RELEASE: "TRANSACTION_COMPLETED",
}

_ROLES = {Role.MAKER: "M", Role.TAKER: "T"}


class PrivatePushes:
    """Turns the venue's events into pushes.

    Args:
        rules_of: the rules of a symbol, for the spelling of prices and sizes.
        encoder: makes frames.
    """

    def __init__(self, rules_of: Callable[[str], SymbolRules], encoder: PushEncoder) -> None:
        self._rules_of = rules_of
        self._encoder = encoder

    def topics(self, event: Event) -> list[tuple[str, Topic]]:
        """(account, topic) of each push that the event makes, whether anybody listens or not."""
        if isinstance(event, OrderAccepted | OrderFilled | OrderCanceled):
            account = event.order.account
            return [(account, Topic(USER_ORDER, event.order.symbol)), (account, ORDERS_TOPIC)]
        if isinstance(event, BalanceChanged):
            return [(event.account, BALANCE_TOPIC)]
        return []

    def frame(self, event: Event, topic: Topic) -> Frame:
        """The push of `event` on one of its topics."""
        if isinstance(event, BalanceChanged):
            return self._encoder.frame(topic, messages.BalancePush(data=[balance_update(event)]))
        assert isinstance(event, OrderAccepted | OrderFilled | OrderCanceled)  # nothing else has topics
        row = order_update(event.order, self._rules_of(event.order.symbol))
        if topic.channel == USER_ORDERS:
            return self._encoder.frame(topic, messages.OrdersPush(data=[row]))
        return self._encoder.frame(topic, messages.OrderPush(data=[row]))


def order_update(order: Order, rules: SymbolRules) -> messages.OrderUpdate:
    """An order after a transition; `dealFee` is that of the latest fill (reference 10 #36)."""
    fill = order.last_fill
    created_ms = _ms(order.created_ns)
    return messages.OrderUpdate(
        symbol=order.symbol,
        side=order.side,
        type=messages.SHOWN_TYPES[order.type],
        notional=format_atoms(order.notional_atoms) if order.is_market_buy else "",
        size=rules.format_size(order.size_lots),
        ms_t=created_ms,
        price=rules.format_price(order.price_ticks),
        filled_notional=format_atoms(order.filled_notional_atoms),
        filled_size=rules.format_size(order.filled_lots),
        state=messages.NUMERIC_STATES[order.state],
        order_id=str(order.order_id),
        order_type=messages.OLD_ORDER_TYPES[order.type],
        last_fill_time=_ms(fill.at_ns) if fill else "0",
        last_fill_price=rules.format_price(fill.price_ticks) if fill else "0",
        last_fill_count=rules.format_size(fill.size_lots) if fill else "0",
        exec_type=_ROLES[fill.role] if fill else "",
        detail_id=str(fill.trade_id) if fill else "",
        client_order_id=order.client_order_id,
        create_time=created_ms,
        update_time=_ms(order.updated_ns),
        entrust_type=messages.ENTRUST_TYPES[order.type],
        order_state=order.state,
        dealFee=format_atoms(fill.fee_atoms) if fill else "0",
        deal_fee_coin_name=fill.fee_asset if fill else rules.quote,
    )


def balance_update(event: BalanceChanged) -> messages.BalanceUpdate:
    """A balance after its change: one currency per message, as ccxt needs it."""
    detail = messages.BalanceDetail(
        ccy=event.asset,
        av_bal=format_atoms(event.available_atoms),
        fz_bal=format_atoms(event.frozen_atoms),
    )
    return messages.BalanceUpdate(
        event_type=EVENT_TYPES[event.reason], event_time=_ms(event.at_ns), balance_details=[detail]
    )


def _ms(at_ns: int) -> str:
    return str(at_ns // NS_PER_MS)
