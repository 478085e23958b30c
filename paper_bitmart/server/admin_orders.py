"""Orders from the operator's side: where they stand in the queue, and why they did or did not fill."""

from __future__ import annotations

from typing import Any

import msgspec

from paper_bitmart.bitmart.errors import OrderNotFound, refusal
from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.matching.reports import Evidence
from paper_bitmart.server import order_wire
from paper_bitmart.server.admin_guard import AdminError
from paper_bitmart.server.context import ServerContext
from paper_bitmart.server.params import order_id as read_order_id


class OrderAdmin:
    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def open_orders(self, account: str | None, symbol: str | None) -> Any:
        """Open orders of one or all accounts with the queue ahead of each; lots, -1 for none known."""
        venue = self._context.venue
        if symbol is not None and not self._context.has_symbol(symbol):
            raise refusal(50001, field="symbol", value=symbol)
        names = [known.name for known in venue.accounts()]
        if account is not None and account not in names:
            raise AdminError(404, f"no account {account[:64]!r}")
        wanted = names if account is None else [account]
        return {"orders": [self._row(order) for name in wanted for order in venue.open_orders(name, symbol)]}

    def why(self, text: str) -> Any:
        """One order of any account: its state, its fills with their evidence, its place in the queue."""
        order = self._find(read_order_id(text))
        fills = self._context.venue.fills(order.account, order_id=order.order_id)
        queue = self._context.venue.explain(order.order_id)
        return {
            "order": self._row(order),
            "feed_state": self._context.venue.feed_state(order.symbol).name.lower(),
            "queue": queue,
            "fills": [self._fill(fill) for fill in fills],
            "warnings": self._context.sizes.watch.sentences(order, self._context.market_ns())
            if order.is_open
            else [],
        }

    def _find(self, order_id: int) -> Order:
        venue = self._context.venue
        for account in venue.accounts():
            try:
                return venue.order(account.name, order_id=order_id)
            except OrderNotFound:
                continue
        raise AdminError(404, "no such order")

    def _row(self, order: Order) -> dict[str, Any]:
        row = msgspec.to_builtins(order_wire.order_row(order, self._context.rules(order.symbol)))
        return {
            **row,
            "account": order.account,
            "queueAheadLots": self._context.venue.queue_ahead(order.order_id),
        }

    def _fill(self, fill: Fill) -> dict[str, Any]:
        rules = self._context.rules(fill.symbol)
        return {
            **msgspec.to_builtins(order_wire.trade_row(fill, rules)),
            "evidence": Evidence(fill.evidence).name.lower(),
            "evidencePrice": rules.format_price(fill.evidence_price_ticks),
            "evidenceSize": rules.format_size(fill.evidence_lots),
            "queueAheadLotsBefore": fill.ahead_before,
            "queueAheadLotsAfter": fill.ahead_after,
        }
