"""What order-by-order data say of a hypothetical order that nobody saw: when it would have filled.

A hypothetical buy H at price P joins behind everybody who rests there. It fills, at P and by at most the size
of the event, when (the rules of the fidelity sets; sells mirror it)

    1. a displayed bid at P that joined after H is executed,
    2. a displayed bid is executed below P, or a hidden one at or below P,
    3. an ask is quoted at or below P,
    4. a hidden ask is executed at or below P.

Orders have no impact and do not see each other.
"""

from typing import NamedTuple

import numpy as np
from l3_book import BID, Book

EXECUTED, HIDDEN, QUOTED = 0, 1, 2


class Life(NamedTuple):
    """A resting hypothetical order: it is behind places < `place`, and lives for start_ns < t <= end_ns."""

    side: int
    price: int
    lots: int
    place: int
    start_ns: int
    end_ns: int


class Truth(NamedTuple):
    """`fills`: (at_ns, lots). `contested`: traded at, never through, so that only the queue decided."""

    fills: list
    contested: bool


class Log:
    """A book's executions and quotes as arrays, in order of time."""

    def __init__(self, book: Book) -> None:
        rows = [
            (e.at_ns, e.side, e.price, e.lots, e.place, HIDDEN if e.is_hidden else EXECUTED)
            for e in book.executions
        ]
        rows += [(q.at_ns, q.side, q.price, q.lots, 0, QUOTED) for q in book.quotes]
        table = np.array(rows, np.int64).reshape(-1, 6)
        table = table[np.argsort(table[:, 0], kind="stable")]
        self.at_ns, self.side, self.price, self.lots, self.place, self.kind = table.T

    def fate(self, life: Life) -> Truth:
        """Fills of one order."""
        first, last = np.searchsorted(self.at_ns, (life.start_ns, life.end_ns), side="right")
        cut = slice(first, last)
        sign = 1 if life.side == BID else -1
        beyond = sign * (life.price - self.price[cut])  # ticks that an event lies below a bid, above an ask
        kind, own = self.kind[cut], self.side[cut] == life.side
        at_price = own & (kind == EXECUTED) & (beyond == 0)
        through = own & (((kind == EXECUTED) & (beyond > 0)) | ((kind == HIDDEN) & (beyond >= 0)))
        across = ~own & (kind != EXECUTED) & (beyond >= 0)
        fills, leaves = [], life.lots
        for i in np.flatnonzero(through | across | (at_price & (self.place[cut] > life.place))):
            lots = min(leaves, int(self.lots[first + i]))
            fills.append((int(self.at_ns[first + i]), lots))
            leaves -= lots
            if leaves == 0:
                break
        contested = bool(at_price.any()) and not bool((through | across).any())
        return Truth(fills, contested)
