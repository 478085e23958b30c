"""An order-by-order book with FIFO matching, and the log of what happened in it.

Prices are ticks, sizes lots, times ns. Sides: 0 bid, 1 ask. An order's place is a number that rises with
every order that joins; among displayed orders of one price the lower place trades first. Hidden orders trade
after all displayed ones at their price, and are never shown.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from sortedcontainers import SortedDict

BID, ASK = 0, 1


class Change(NamedTuple):
    """A displayed level has a new size (0: gone)."""

    at_ns: int
    side: int
    price: int
    lots: int


class Execution(NamedTuple):
    """A resting order of `side` traded. `place`: its rank at the price; `aggressor_id` groups a sweep."""

    at_ns: int
    side: int
    price: int
    lots: int
    place: int
    is_hidden: bool
    aggressor_id: int


class Quote(NamedTuple):
    """A new displayed order came to rest with `lots`."""

    at_ns: int
    side: int
    price: int
    lots: int


@dataclass(slots=True)
class Order:
    order_id: int
    side: int
    price: int
    lots: int
    place: int
    is_hidden: bool
    born_ns: int


def better(side, price, other):
    """Is `price` strictly better than `other` for an order of `side`?"""
    return price > other if side == BID else price < other


@dataclass
class Book:
    """`changes`, `executions` and `quotes` are the log, in order of time."""

    changes: list = field(default_factory=list)
    executions: list = field(default_factory=list)
    quotes: list = field(default_factory=list)
    orders: dict = field(default_factory=dict)
    levels: tuple = field(default_factory=lambda: (SortedDict(), SortedDict()))
    totals: tuple = field(default_factory=lambda: ({}, {}))
    hidden: tuple = field(default_factory=lambda: (SortedDict(), SortedDict()))
    next_id: int = 1
    next_aggressor: int = 1

    def best(self, side):
        """Best displayed price, None if the side is empty."""
        return _best_of(self.levels[side], side)

    def size_at(self, side, price):
        return self.totals[side].get(price, 0)

    def add(self, side, price, lots, at_ns, *, is_hidden=False):
        """Let an order come to rest; it must not cross. Returns it."""
        order = Order(self.next_id, side, price, lots, self.next_id, is_hidden, at_ns)
        self.next_id += 1
        self.orders[order.order_id] = order
        queues = self.hidden if is_hidden else self.levels
        queues[side].setdefault(price, {})[order.order_id] = order
        if not is_hidden:
            self._change(side, price, lots, at_ns)
            self.quotes.append(Quote(at_ns, side, price, lots))
        return order

    def cancel(self, order_id, at_ns, *, lots=None):
        """Take an order off, or only `lots` of it (it keeps its place). Returns the lots that left."""
        order = self.orders.get(order_id)
        if order is None:
            return 0
        gone = order.lots if lots is None else min(lots, order.lots)
        self._shrink(order, gone, at_ns)
        return gone

    def aggress(self, side, lots, at_ns, *, limit=None):
        """Trade `lots` against the other side, no worse than `limit`. Returns the lots left over."""
        other = 1 - side
        while lots > 0:
            order = self._first(other)
            if order is None or (limit is not None and better(other, limit, order.price)):
                break
            took = min(lots, order.lots)
            lots -= took
            self.executions.append(
                Execution(at_ns, other, order.price, took, order.place, order.is_hidden, self.next_aggressor)
            )
            self._shrink(order, took, at_ns)
        self.next_aggressor += 1
        return lots

    def _first(self, side):
        """The order that trades next: best price, displayed before hidden, FIFO."""
        shown, dark = self.best(side), _best_of(self.hidden[side], side)
        if shown is None and dark is None:
            return None
        use_dark = shown is None or (dark is not None and better(side, dark, shown))
        queue = self.hidden[side][dark] if use_dark else self.levels[side][shown]
        return next(iter(queue.values()))

    def _shrink(self, order, lots, at_ns):
        order.lots -= lots
        queues = self.hidden if order.is_hidden else self.levels
        if order.lots == 0:
            del self.orders[order.order_id]
            queue = queues[order.side][order.price]
            del queue[order.order_id]
            if not queue:
                del queues[order.side][order.price]
        if not order.is_hidden:
            self._change(order.side, order.price, -lots, at_ns)

    def _change(self, side, price, delta, at_ns):
        totals = self.totals[side]
        lots = totals.get(price, 0) + delta
        if lots:
            totals[price] = lots
        else:
            del totals[price]
        self.changes.append(Change(at_ns, side, price, lots))


def _best_of(queues, side):
    if not queues:
        return None
    return queues.keys()[-1 if side == BID else 0]
