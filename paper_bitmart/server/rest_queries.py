"""Orders and trades of an account: the `/spot/v4/query/*` endpoints (protocol reference 5.11 to 5.17)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.bitmart.rest_messages import OrderData, TradeData
from paper_bitmart.exchange.orders import Order
from paper_bitmart.server import order_wire
from paper_bitmart.server.auth import Level, Window
from paper_bitmart.server.endpoint import Call, Endpoint, Handler
from paper_bitmart.server.params import order_id

LIMIT_MAX = 200
DAY_MS = 24 * 3600 * 1000
DEFAULT_RANGE_MS = 7 * DAY_MS


class OrderMode(StrEnum):
    SPOT = "spot"
    ISO_MARGIN = "iso_margin"


@dataclass(frozen=True, slots=True)
class _Range:
    """What a list query asks for; `is_empty` when it asks for margin orders, which do not exist here."""

    symbol: str | None
    start_ms: int | None
    end_ms: int | None
    limit: int
    is_empty: bool


def query_order(call: Call) -> OrderData:
    """POST /spot/v4/query/order."""
    wanted = order_id(call.params.required("orderId"))
    return _order_row(call, _find(call, order_id=wanted))


def query_client_order(call: Call) -> OrderData:
    """POST /spot/v4/query/client-order."""
    wanted = call.params.required("clientOrderId")
    return _order_row(call, _find(call, client_order_id=wanted))


def query_open_orders(call: Call) -> list[OrderData]:
    """POST /spot/v4/query/open-orders, newest first."""
    wanted = _read_range(call)
    if wanted.is_empty:
        return []
    orders = call.context.venue.open_orders(
        call.account, wanted.symbol, start_ms=wanted.start_ms, end_ms=wanted.end_ms, limit=wanted.limit
    )
    return [_order_row(call, order) for order in orders]


def query_history_orders(call: Call) -> list[OrderData]:
    """POST /spot/v4/query/history-orders, newest first."""
    wanted = _read_range(call)
    if wanted.is_empty:
        return []
    orders = call.context.venue.order_history(
        call.account, wanted.symbol, start_ms=wanted.start_ms, end_ms=wanted.end_ms, limit=wanted.limit
    )
    return [_order_row(call, order) for order in orders]


def query_trades(call: Call) -> list[TradeData]:
    """POST /spot/v4/query/trades, newest first."""
    wanted = _read_range(call)
    if wanted.is_empty:
        return []
    fills = call.context.venue.fills(
        call.account, wanted.symbol, start_ms=wanted.start_ms, end_ms=wanted.end_ms, limit=wanted.limit
    )
    return [order_wire.trade_row(fill, call.context.rules(fill.symbol)) for fill in fills]


def query_order_trades(call: Call) -> list[TradeData]:
    """POST /spot/v4/query/order-trades: all fills of one order, also of one without any."""
    order = _find(call, order_id=order_id(call.params.required("orderId")), any_state=True)
    rules = call.context.rules(order.symbol)
    fills = call.context.venue.fills(call.account, order_id=order.order_id)
    return [order_wire.trade_row(fill, rules) for fill in fills]


def _find(call: Call, *, any_state: bool = False, **ids: Any) -> Order:
    """The account's order; refused with 50005 when it is unknown or not in the asked state."""
    state = None if any_state else call.params.text("queryState")
    at_ns = call.context.market_ns()
    return call.context.venue.order(call.account, query_state=state, at_ns=at_ns, **ids)


def _order_row(call: Call, order: Order) -> OrderData:
    return order_wire.order_row(order, call.context.rules(order.symbol))


def _read_range(call: Call) -> _Range:
    """Read symbol, orderMode, startTime, endTime and limit.

    Raises:
        BitmartError: 50001, 52000, 50021, 52004, 50041, 50015, 50016.
    """
    params = call.params
    symbol = params.text("symbol")
    if symbol is not None and not call.context.has_symbol(symbol):
        raise refusal(50001, field="symbol", value=symbol)
    mode = params.choice("orderMode", OrderMode, 52000)
    start_ms, end_ms = _read_times(call)
    limit = params.integer("limit")
    if limit is not None and limit < 1:
        raise refusal(50015, field="limit", limit=1, value=limit)
    if limit is not None and limit > LIMIT_MAX:
        raise refusal(50016, field="limit", limit=LIMIT_MAX, value=limit)
    return _Range(symbol, start_ms, end_ms, limit or LIMIT_MAX, mode is OrderMode.ISO_MARGIN)


def _read_times(call: Call) -> tuple[int, int | None]:
    """Start and end in ms; the last 7 days, or 7 days up to endTime, unless a start is given."""
    now_ms = call.context.market_ns() // 1_000_000
    start_ms = call.params.integer("startTime")
    end_ms = call.params.integer("endTime")
    if start_ms is not None and end_ms is not None and end_ms <= start_ms:
        raise refusal(52004, field="endTime", limit=start_ms, value=end_ms)
    oldest_ms = now_ms - call.context.settings.history_days_max * DAY_MS
    for name, value in (("startTime", start_ms), ("endTime", end_ms)):
        if value is not None and value < oldest_ms:
            raise refusal(50041, field=name, limit=oldest_ms, value=value)
    if start_ms is None:
        start_ms = (now_ms if end_ms is None else end_ms) - DEFAULT_RANGE_MS
    return start_ms, end_ms


def _query(name: str, handler: Handler) -> Endpoint:
    path = f"/spot/v4/query/{name}"
    return Endpoint("POST", path, handler, Level.SIGNED, Window.RECV_WINDOW)


ENDPOINTS = (
    _query("order", query_order),
    _query("client-order", query_client_order),
    _query("open-orders", query_open_orders),
    _query("history-orders", query_history_orders),
    _query("trades", query_trades),
    _query("order-trades", query_order_trades),
)
