"""Orders and fills in BitMart's v4 form (protocol reference 5.11, 5.16).

Decimals: price at the symbol's price precision, size at that of its lot, amounts at 8.
"""

from __future__ import annotations

from paper_bitmart.bitmart.decimals import ATOMS, format_atoms
from paper_bitmart.bitmart.rest_messages import OrderData, TradeData
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.orders import Fill, Order

ORDER_MODE = "spot"
NS_PER_MS = 1_000_000


def order_row(order: Order, rules: SymbolRules) -> OrderData:
    """The v4 order object of an order as it is."""
    return OrderData(
        orderId=str(order.order_id),
        clientOrderId=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        orderMode=ORDER_MODE,
        type=order.type,
        state=order.state,
        cancelSource=order.cancel_source,
        stpMode=order.stp_mode,
        price=rules.format_price(order.price_ticks),
        priceAvg=rules.format_price(average_ticks(order, rules)),
        size=rules.format_size(order.size_lots),
        filledSize=rules.format_size(order.filled_lots),
        notional=format_atoms(order_notional_atoms(order, rules)),
        filledNotional=format_atoms(order.filled_notional_atoms),
        createTime=order.created_ns // NS_PER_MS,
        updateTime=order.updated_ns // NS_PER_MS,
    )


def trade_row(fill: Fill, rules: SymbolRules) -> TradeData:
    """The v4 trade object of a fill."""
    at_ms = fill.at_ns // NS_PER_MS
    return TradeData(
        tradeId=str(fill.trade_id),
        orderId=str(fill.order_id),
        clientOrderId=fill.client_order_id,
        symbol=fill.symbol,
        side=fill.side,
        orderMode=ORDER_MODE,
        type=fill.order_type,
        stpMode=fill.stp_mode,
        price=rules.format_price(fill.price_ticks),
        size=rules.format_size(fill.size_lots),
        notional=format_atoms(fill.notional_atoms),
        fee=format_atoms(fill.fee_atoms),
        feeCoinName=fill.fee_asset,
        tradeRole=fill.role,
        createTime=at_ms,
        updateTime=at_ms,
    )


def order_notional_atoms(order: Order, rules: SymbolRules) -> int:
    """Price times size, or what a market buy may spend; 0 for a market sell, which has no price."""
    if order.is_market_buy:
        return order.notional_atoms
    return rules.notional_atoms(order.price_ticks, order.size_lots)


def average_ticks(order: Order, rules: SymbolRules) -> int:
    """Average fill price cut to the tick; 0 while unfilled."""
    if not order.filled_lots:
        return 0
    return order.filled_notional_atoms * ATOMS // (order.filled_lots * rules.lot_atoms * rules.tick_atoms)
