"""Placing and cancelling orders (protocol reference 5.6 to 5.10)."""

from __future__ import annotations

from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.bitmart.rest_messages import (
    BatchResult,
    CancelOrdersResult,
    CancelResult,
    Empty,
    OrderId,
    OrderIds,
)
from paper_bitmart.exchange import venue
from paper_bitmart.exchange.calls import Cancel, CancelAll, CancelOrders, Submit, SubmitBatch
from paper_bitmart.exchange.events import Event, OrderAccepted
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.server.auth import Level, Window
from paper_bitmart.server.endpoint import Call, Endpoint, Handler, Sending
from paper_bitmart.server.keys import Permission
from paper_bitmart.server.params import Params, order_id


def submit_order(call: Call) -> Sending:
    """POST /spot/v2/submit_order."""
    order = read_new_order(call.params, call.params.text("symbol") or "", "client_order_id")
    return Sending(Submit(account=call.account, order=order), _order_id)


def batch_orders(call: Call) -> Sending:
    """POST /spot/v4/batch_orders: all orders or none (protocol reference 10, question 15)."""
    symbol = call.params.text("symbol") or ""
    rows = call.params.objects("orderParams")
    if rows is None:
        raise refusal(50028, field="orderParams")
    if not 1 <= len(rows) <= venue.BATCH_MAX:  # before the rows are read: there may be thousands
        raise refusal(50033, field="orderParams", limit=venue.BATCH_MAX, value=len(rows))
    orders = tuple(read_new_order(row, symbol, "clientOrderId") for row in rows)
    return Sending(SubmitBatch(account=call.account, orders=orders), _order_ids)


def cancel_order(call: Call) -> Sending:
    """POST /spot/v3/cancel_order; a dead or unknown order is refused (protocol reference 10, question 13)."""
    symbol = call.params.required("symbol")
    by_id = call.params.text("order_id")
    cancel = Cancel(
        account=call.account,
        order_id=None if by_id is None else order_id(by_id),
        client_order_id=call.params.text("client_order_id"),
        symbol=symbol,
    )
    return Sending(cancel, lambda _: CancelResult(result=True))


def cancel_orders(call: Call) -> Sending:
    """POST /spot/v4/cancel_orders; ids that cannot be cancelled are listed, the call itself succeeds."""
    symbol = call.params.required("symbol")
    cancel = CancelOrders(
        account=call.account,
        order_ids=tuple(call.params.texts("orderIds") or ()),
        client_order_ids=tuple(call.params.texts("clientOrderIds") or ()),
        symbol=symbol,
    )
    return Sending(cancel, _cancelled_and_not)


def cancel_all(call: Call) -> Sending:
    """POST /spot/v4/cancel_all; nothing to cancel is a success as well."""
    symbol = call.params.text("symbol")
    side = call.params.choice("side", Side, 52002)
    return Sending(CancelAll(account=call.account, symbol=symbol, side=side), lambda _: Empty())


def read_new_order(params: Params, symbol: str, client_id_name: str) -> NewOrder:
    """One order as the client means it; words and amounts are judged by the venue.

    Numbers that the order's type does not use are not even read: Hummingbot sends size, price and
    notional on every order, and its market orders carry a price of "NaN" (protocol reference 9.4).

    Raises:
        BitmartError: 50021 a parameter in use is no text or no number.
    """
    order_type, side, stp_mode = params.raw("type"), params.raw("side"), params.raw("stpMode")
    is_market = order_type == OrderType.MARKET
    is_market_buy = is_market and side == Side.BUY
    notional = params.decimal("notional") if is_market_buy else None
    return NewOrder(
        symbol=symbol,
        side=side,
        type=order_type,
        price=None if is_market else params.decimal("price"),
        # A market buy's size only matters when the notional is missing: that is a refusal of its own.
        size=None if is_market_buy and notional is not None else params.decimal("size"),
        notional=notional,
        client_order_id=params.text(client_id_name),
        stp_mode=StpMode.NONE if stp_mode is None else stp_mode,
    )


def _order_id(events: list[Event]) -> OrderId:
    return OrderId(order_id=_accepted_ids(events)[0])


def _order_ids(events: list[Event]) -> BatchResult:
    return BatchResult(data=OrderIds(orderIds=_accepted_ids(events)))


def _accepted_ids(events: list[Event]) -> list[str]:
    return [str(event.order.order_id) for event in events if isinstance(event, OrderAccepted)]


def _cancelled_and_not(result: venue.CancelResult) -> CancelOrdersResult:
    return CancelOrdersResult(
        successIds=result.success_ids,
        failIds=result.fail_ids,
        totalCount=len(result.success_ids) + len(result.fail_ids),
        successCount=len(result.success_ids),
        failedCount=len(result.fail_ids),
    )


def _trading(path: str, handler: Handler, window: Window) -> Endpoint:
    return Endpoint("POST", path, handler, Level.SIGNED, window, Permission.TRADE)


ENDPOINTS = (
    _trading("/spot/v2/submit_order", submit_order, Window.MINUTE),
    _trading("/spot/v4/batch_orders", batch_orders, Window.RECV_WINDOW),
    _trading("/spot/v3/cancel_order", cancel_order, Window.MINUTE),
    _trading("/spot/v4/cancel_orders", cancel_orders, Window.RECV_WINDOW),
    _trading("/spot/v4/cancel_all", cancel_all, Window.RECV_WINDOW),
)
