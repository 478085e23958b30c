"""Tells the operator of clients whose orders are too large for the market: in the log, and as counts."""

from __future__ import annotations

import logging
from collections import Counter

from paper_bitmart.exchange.events import Event, OrderAccepted
from paper_bitmart.exchange.session import Session
from paper_bitmart.exchange.size_watch import SizeWatch

LOG = logging.getLogger(__name__)
QUIET_NS = 60 * 10**9
"""One line per account and symbol in this much market time; the counts have them all."""
NAMED_MAX = 10_000
"""Accounts and symbols whose last line is remembered; beyond that the memory starts anew."""


class SizeLog:
    """Listens to a session's orders.

    Attributes:
        counts: too large orders by symbol.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.watch = SizeWatch(session.views)
        self.counts: Counter[str] = Counter()
        self._told_ns: dict[tuple[str, str], int] = {}
        session.subscribe(self._on_events)

    def _on_events(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, OrderAccepted):
                self._judge(event)

    def _judge(self, event: OrderAccepted) -> None:
        order = event.order
        if not self.watch.judge(order, event.at_ns):
            return
        self.counts[order.symbol] += 1
        name = order.account, order.symbol
        last_ns = self._told_ns.get(name)
        if last_ns is not None and 0 <= event.at_ns - last_ns < QUIET_NS:
            return
        if len(self._told_ns) >= NAMED_MAX:
            self._told_ns.clear()
        self._told_ns[name] = event.at_ns
        for sentence in self.watch.sentences(order, event.at_ns):
            LOG.warning("account %s, %s order %d: %s", order.account, order.symbol, order.order_id, sentence)
