"""Orders of others that leave a trace in price levels and prints, because their size is unusual.

A depth message in which a level rises by 3,721 lots, and much later one print of exactly 3,721 lots at that
price: if no such size is common there, it is one order, and two facts are known of it that level data usually
hide. When it joined, everything displayed stood ahead of it; when it traded, nobody did. The same with a drop
of 3,721 lots that no print explains: that order was cancelled, and its place in the queue at that moment is
known as far as the orders around it are.

What is counted as one order: its size is that of no other order in the guessed list of its level, and the
number of prints (drops) of that size to be expected there by chance, over the time it rested, is at most
CHANCE_MAX. A venue that publishes one print per aggressor instead of one per order traded gives few traces.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
from sortedcontainers import SortedDict

from paper_bitmart.feed.events import Flag, Kind

CHANCE_MAX = 0.05
RANKS = 5
"""Levels told apart from the best one on; what lies deeper counts as one more."""
LATE_NS = 10**9
"""A print this late may still turn a cancel into a trade."""
Level = tuple[int, int]
"""Side and price in ticks."""
TRADED, CANCELLED, ADDED = 0, 1, 2


class Traded(NamedTuple):
    """An order that was seen to join and to trade.

    joined_row: the first row of events after the depth message that showed it, joined_ns that message's venue
    time. traded_row: the row of its print. chance: prints of its size to be expected there by chance.
    """

    side: int
    price_ticks: int
    lots: int
    joined_row: int
    joined_ns: int
    traded_row: int
    chance: float


class Cancelled(NamedTuple):
    """An order that was seen to join and to leave, with the lots ahead of it and behind it when it left."""

    row: int
    lots: int
    ahead_lots: int
    behind_lots: int


@dataclass(slots=True)
class Traces:
    """What a market's events show.

    Attributes:
        traded, cancelled: orders told by their size, by time.
        flow: (blocks, RANKS + 1, 3) int64 lots traded, cancelled and added, by time and rank of the level.
        added_lots, added_ns: single additions at the RANKS best levels, and when. print_lots: of prints.
        drops: (n, 4) int64 of prices that printed: level number, message number, lots gone, lots before.
        prints: (n, 3) int64: level number, venue time, lots. late_prints: how many of them came after a depth
            message of a later venue time. message_ns: (m,) venue times of depth messages.
    """

    traded: list[Traded] = field(default_factory=list)
    cancelled: list[Cancelled] = field(default_factory=list)
    flow: np.ndarray = field(default_factory=lambda: np.zeros((0, RANKS + 1, 3), np.int64))
    added_lots: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    added_ns: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    print_lots: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    drops: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int64))
    prints: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    late_prints: int = 0
    message_ns: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def read_traces(events: np.ndarray, block_ns: int) -> Traces:
    """Read all of a market once.

    Args:
        events: (n,) EVENT_DTYPE of one symbol, ordered by recv_ns.
        block_ns: length of the blocks of `flow`, counted from the first event.

    Cost: about 3 us an event.
    """
    return _Reader(events, block_ns).read()


class _Order:
    """A guessed order of others. `row` is -1 for lots whose joining was not seen."""

    __slots__ = ("drops_before", "joined_ns", "lots", "prints_before", "row")

    def __init__(self, lots: int, row: int = -1, joined_ns: int = 0, prints: int = 0, drops: int = 0) -> None:
        self.lots, self.row, self.joined_ns = lots, row, joined_ns
        self.prints_before, self.drops_before = prints, drops


class _Queue:
    """The guessed orders of one level, front first, and what has happened there."""

    __slots__ = ("cancels", "drops", "number", "orders", "pending", "prints")

    def __init__(self, number: int) -> None:
        self.number, self.prints, self.drops, self.pending = number, 0, 0, 0
        self.orders: list[_Order] = []
        self.cancels: list[tuple[int, int, int, int, int]] = []
        """Recent unexplained drops: venue time, lots, block, rank, place in the list of candidates or -1."""

    def only(self, lots: int) -> int:
        """Place of the order of exactly that size when there is one and it was seen to join, else -1."""
        places = [place for place, order in enumerate(self.orders) if order.lots == lots]
        return places[0] if len(places) == 1 and self.orders[places[0]].row >= 0 else -1

    def eat(self, lots: int) -> None:
        """From the front."""
        while lots > 0 and self.orders:
            taken = min(lots, self.orders[0].lots)
            self.orders[0].lots -= taken
            lots -= taken
            if not self.orders[0].lots:
                del self.orders[0]

    def drop(self, lots: int) -> None:
        """The youngest order of that size, else lots nobody saw join, else from the back.

        A drop of no known order's size must not spoil the orders that are known: which of them were followed
        would then depend on who else left.
        """
        for place in range(len(self.orders) - 1, -1, -1):
            if self.orders[place].lots == lots:
                del self.orders[place]
                return
        for order in [*(one for one in self.orders if one.row < 0), *reversed(self.orders)]:
            taken = min(lots, order.lots)
            order.lots -= taken
            lots -= taken
        self.orders = [order for order in self.orders if order.lots]

    def settle(self, lots: int) -> None:
        """Let the list add up to what is displayed less what printed since."""
        missing = lots - self.pending - sum(order.lots for order in self.orders)
        if missing > 0:
            self.orders.insert(0, _Order(missing))
        else:
            self.eat(-missing)


class _Reader:
    def __init__(self, events: np.ndarray, block_ns: int) -> None:
        self.events, self.block_ns = events, block_ns
        self.start_ns = int(events["recv_ns"][0]) if len(events) else 0
        self.books: tuple[SortedDict, SortedDict] = (SortedDict(), SortedDict())
        prints = events[events["kind"] == Kind.TRADE]
        hit = ((1 - prints["side"]).tolist(), prints["price_ticks"].tolist())
        self.queues = {level: _Queue(n) for n, level in enumerate(dict.fromkeys(zip(*hit, strict=True)))}
        self.print_sizes, self.n_prints = Counter(prints["size_lots"].tolist()), len(prints)
        self.drop_sizes: Counter[int] = Counter()
        self.pending: list[tuple[int, Level, int]] = []
        self.last_ns = 0
        self.flow: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        self.candidates: list[tuple[Cancelled, int] | None] = []
        """Cancels, with the drops of their level while they rested; None: it was a trade."""
        self.added: list[tuple[int, int]] = []
        self.drops: list[tuple[int, int, int, int]] = []
        self.printed: list[tuple[int, int, int]] = []
        self.message_ns: list[int] = []
        self.traces = Traces()

    def read(self) -> Traces:
        names = ("kind", "side", "price_ticks", "size_lots", "flags", "exch_ns", "recv_ns")
        message: list[tuple[Level, int, int]] = []
        in_snapshot = False
        columns = zip(*(self.events[name].tolist() for name in names), strict=True)
        for row, (kind, side, price, lots, flags, exch_ns, recv_ns) in enumerate(columns):
            if kind == Kind.LEVEL and in_snapshot:
                if lots:
                    self.books[side][price] = lots
            elif kind == Kind.LEVEL:
                message.append(((side, price), lots, flags))
                if flags & Flag.LAST:
                    self._depth(message, row + 1, exch_ns, recv_ns)
                    message.clear()
            elif kind == Kind.DEPTH_MARK:
                self._depth([], row + 1, exch_ns, recv_ns)
            elif kind == Kind.TRADE:
                self._trade(row, (1 - side, price), lots, exch_ns)
            elif kind == Kind.SNAPSHOT_BEGIN:
                in_snapshot = True
                for book in self.books:
                    book.clear()
            elif kind == Kind.SNAPSHOT_END:
                in_snapshot = False
                self._start_again(exch_ns)
        return self._finish()

    def _start_again(self, exch_ns: int) -> None:
        """A new book: nobody knows who of those on it was there before."""
        self.pending.clear()
        self.last_ns = exch_ns
        for (side, price), queue in self.queues.items():
            lots = self.books[side].get(price, 0)
            queue.orders = [_Order(lots)] if lots else []
            queue.cancels.clear()
            queue.pending = 0

    def _depth(self, message: list[tuple[Level, int, int]], row: int, exch_ns: int, recv_ns: int) -> None:
        included: Counter[Level] = Counter()
        later = []
        for one in self.pending:
            if one[0] <= exch_ns:
                included[one[1]] += one[2]
                self.queues[one[1]].pending -= one[2]
            else:
                later.append(one)
        self.pending, self.last_ns = later, exch_ns
        self.message_ns.append(exch_ns)
        block = (recv_ns - self.start_ns) // self.block_ns
        ranks = [self._rank(level) for level, _, _ in message]
        for (level, lots, flags), rank in zip(message, ranks, strict=True):
            self._change(level, lots, flags, included.pop(level, 0), block, rank, row, exch_ns)
        for level, printed in included.items():  # it traded, yet shows what it showed: it was refilled
            lots = self.books[level[0]].get(level[1], 0)
            if lots:
                self._change(level, lots, 0, printed, block, self._rank(level), row, exch_ns)

    def _rank(self, level: Level) -> int:
        """Displayed levels better than this one, at most RANKS."""
        book, price = self.books[level[0]], level[1]
        better = len(book) - book.bisect_right(price) if level[0] == 0 else book.bisect_left(price)
        return min(RANKS, int(better))

    def _change(
        self, level: Level, lots: int, flags: int, printed: int, block: int, rank: int, row: int, exch_ns: int
    ) -> None:
        book, queue = self.books[level[0]], self.queues.get(level)
        before = book.get(level[1], 0)
        if lots:
            book[level[1]] = lots
        else:
            book.pop(level[1], None)
        if flags & (Flag.LEFT_WINDOW | Flag.ENTERED_WINDOW):
            if queue is not None:
                queue.orders = [_Order(lots)] if lots else []
            return
        expected, flow = max(0, before - printed), self.flow[block, rank]
        flow[TRADED] += min(printed, before)
        if queue is not None and lots < before:
            self.drops.append((queue.number, len(self.message_ns) - 1, before - lots, before))
        if lots > expected:
            flow[ADDED] += lots - expected
            if rank < RANKS:
                self.added.append((lots - expected, exch_ns))
            if queue is not None:
                queue.orders.append(_Order(lots - expected, row, exch_ns, queue.prints, queue.drops))
        elif lots < expected:
            flow[CANCELLED] += expected - lots
            if queue is not None:
                self._cancel(queue, expected - lots, block, rank, row, exch_ns)
        if queue is not None:
            queue.settle(lots)

    def _cancel(self, queue: _Queue, lots: int, block: int, rank: int, row: int, exch_ns: int) -> None:
        self.drop_sizes[lots] += 1
        queue.drops += 1
        place, candidate = queue.only(lots), -1
        if place >= 0:
            ahead = sum(order.lots for order in islice(queue.orders, place))
            behind = sum(order.lots for order in islice(queue.orders, place + 1, None))
            seen = queue.drops - queue.orders[place].drops_before
            candidate = len(self.candidates)
            self.candidates.append((Cancelled(row - 1, lots, ahead, behind), seen))
        queue.drop(lots)
        queue.cancels = [one for one in queue.cancels if one[0] > exch_ns - LATE_NS]
        queue.cancels.append((exch_ns, lots, block, rank, candidate))

    def _trade(self, row: int, level: Level, lots: int, exch_ns: int) -> None:
        queue = self.queues[level]
        queue.prints += 1
        self.printed.append((queue.number, exch_ns, lots))
        if exch_ns < self.last_ns:
            self._late(queue, lots, exch_ns)
            return
        self.pending.append((exch_ns, level, lots))
        queue.pending += lots
        place = queue.only(lots)
        if place >= 0:
            order = queue.orders[place]
            share = (self.print_sizes[lots] - 1) / max(1, self.n_prints - 1)
            chance = share * (queue.prints - order.prints_before)
            if chance <= CHANCE_MAX:
                self.traces.traded.append(Traded(*level, lots, order.row, order.joined_ns, row, chance))
                del queue.orders[: place + 1]
                return
        queue.eat(lots)

    def _late(self, queue: _Queue, lots: int, exch_ns: int) -> None:
        """A depth message showed this trade already, and it was taken for a cancel."""
        self.traces.late_prints += 1
        for at, (drop_ns, dropped, block, rank, candidate) in enumerate(queue.cancels):
            if drop_ns >= exch_ns:
                moved = min(lots, dropped)
                self.flow[block, rank][CANCELLED] -= moved
                self.flow[block, rank][TRADED] += moved
                if candidate >= 0:
                    self.candidates[candidate] = None
                queue.cancels[at] = (drop_ns, dropped - moved, block, rank, -1)
                return

    def _finish(self) -> Traces:
        traces, n_drops = self.traces, self.drop_sizes.total()
        for candidate in self.candidates:
            if candidate is not None:
                cancelled, seen = candidate
                share = (self.drop_sizes[cancelled.lots] - 1) / max(1, n_drops - 1)
                if share * seen <= CHANCE_MAX:
                    traces.cancelled.append(cancelled)
        blocks = 1 + max((block for block, _ in self.flow), default=-1)
        traces.flow = np.zeros((blocks, RANKS + 1, 3), np.int64)
        for (block, rank), lots in self.flow.items():
            traces.flow[block, rank] = lots
        traces.added_lots, traces.added_ns = np.array(self.added, np.int64).reshape(-1, 2).T
        traces.print_lots = np.array([lots for _, _, lots in self.printed], np.int64)
        traces.drops = np.array(self.drops, np.int64).reshape(-1, 4)
        traces.prints = np.array(self.printed, np.int64).reshape(-1, 3)
        traces.message_ns = np.array(self.message_ns, np.int64)
        return traces
