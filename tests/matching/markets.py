"""Random small markets for the oracle: a list of byte strings decodes into commands and market events.

Bytes, because they shrink: fewer strings are fewer steps, smaller bytes are earlier rows of the tables below.
"""

from dataclasses import dataclass

import numpy as np

from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind

MS = 1_000_000
START_NS = 1_700_000_000_000 * MS
STEP_BYTES = 14
INT64_MAX = (1 << 63) - 1
LIVE_LAST = int(Flag.LAST)

# How far from the mid a level lies, in ticks away from the other side; -1 and 0 may cross.
DISTANCES = (1, 1, 1, 2, 2, 3, 4, 5, 0, -1, 8, 40, 90, 700, 5000)
SIZES = (1, 2, 3, 5, 8, 12, 20, 4, 7, 1000, 10**6)
LEVEL_SIZES = (0, 0, *SIZES)
DELAYS_MS = (0, 20, 1, 5, 150, 300, 40, 99)
GAPS_MS = (1, 0, 10, 50, 100, 3, 7, 2000)
JUMPS = (1, -1, 2, -3, 60, -60, 900, -2500)


@dataclass(frozen=True)
class Market:
    """One step of the market: a whole message."""

    rows: tuple

    @property
    def events(self):
        return np.array(list(self.rows), EVENT_DTYPE)

    def apply(self, matcher):
        matcher.process(self.events)


@dataclass(frozen=True)
class Place:
    order_id: int
    account: int
    side: int
    order_type: int
    price: int
    size: int
    budget: int
    stp: int
    at_ns: int

    def apply(self, matcher):
        matcher.place(*vars(self).values())


@dataclass(frozen=True)
class Cancel:
    order_id: int
    at_ns: int

    def apply(self, matcher):
        return matcher.cancel(self.order_id, self.at_ns)


class Decoder:
    """Turns byte strings into steps. Outside a live feed only whole books come, as the feed promises."""

    def __init__(self, mid):
        self.mid = mid
        self.now_ns = START_NS
        self.seq = 0
        self.last_id = 0
        self.live = True
        self.bytes = iter(())

    def steps(self, chunks):
        yield self._book(0)
        for chunk in chunks:
            self.bytes = iter(chunk)
            self.now_ns += self._pick(GAPS_MS) * MS + self._byte() % 3
            yield self._step()

    def _step(self):
        make = self._pick(STEPS)
        if not self.live and make not in (Decoder._place, Decoder._cancel, Decoder._trade, Decoder._bbo):
            return self._gap_ends()
        return make(self)

    def _byte(self):
        return next(self.bytes, 0)

    def _pick(self, table):
        return table[self._byte() % len(table)]

    def _price(self, side):
        away = self._pick(DISTANCES)
        return max(1, self.mid - away if side == 0 else self.mid + away)

    def _message(self, kind, levels, *, state=0):
        """One message; `levels`: (side, price, size, flags)."""
        self.seq += 1
        exch_ns = self.now_ns - self._pick(DELAYS_MS) * MS
        rows = [
            (self.now_ns, exch_ns, price, size or state, self.seq, flags, kind, side)
            for side, price, size, flags in levels
        ]
        return rows

    def _depth(self):
        levels = []
        for _ in range(1 + self._byte() % 3):
            side = self._byte() % 2
            price, size, odd = self._price(side), self._pick(LEVEL_SIZES), self._byte() % 5 == 4
            edge = Flag.LEFT_WINDOW if size == 0 else Flag.ENTERED_WINDOW
            levels.append((side, price, size, int(edge) if odd else 0))
        side, price, size, flags = levels[-1]
        levels[-1] = (side, price, size, flags | LIVE_LAST)
        return Market(tuple(self._message(Kind.LEVEL, levels)))

    def _mark(self):
        return Market(tuple(self._message(Kind.DEPTH_MARK, [(0, 0, 0, LIVE_LAST)])))

    def _trade(self):
        aggressor = self._byte() % 2
        return Market(
            tuple(
                self._message(
                    Kind.TRADE, [(aggressor, self._price(1 - aggressor), self._pick(SIZES), LIVE_LAST)]
                )
            )
        )

    def _bbo(self):
        side = self._byte() % 2
        return Market(
            tuple(self._message(Kind.BBO, [(side, self._price(side), self._pick(SIZES), LIVE_LAST)]))
        )

    def _book(self, width=None):
        """A whole new book around the mid."""
        width = 2 + self._byte() % 6 if width is None else width
        rows = self._message(Kind.SNAPSHOT_BEGIN, [(0, 0, 0, int(Flag.SNAPSHOT))])
        exch_ns = rows[0][1]
        for side in (0, 1):
            away = [max(1, self.mid + (i + 1) * (1 if side else -1)) for i in range(width)]
            for price in dict.fromkeys(away):
                size = 4 + self._byte() % 9
                rows.append(
                    (self.now_ns, exch_ns, price, size, self.seq, int(Flag.SNAPSHOT), int(Kind.LEVEL), side)
                )
        flags = int(Flag.SNAPSHOT | Flag.LAST)
        rows.append((self.now_ns, exch_ns, 0, 0, self.seq, flags, int(Kind.SNAPSHOT_END), 0))
        return Market(tuple(rows))

    def deep_book(self, levels):
        """A whole book of so many levels a side, with holes, sizes 1 to 40."""
        rows = list(self._book(0).rows)
        exch_ns = rows[0][1]
        for side, away in ((0, -1), (1, 1)):
            for i in range(levels):
                price = self.mid + away * (1 + i + i // 7)
                size = 1 + (i * 17) % 40
                row = (self.now_ns, exch_ns, price, size, self.seq, int(Flag.SNAPSHOT), int(Kind.LEVEL), side)
                rows.insert(-1, row)
        return Market(tuple(rows))

    def _gap(self):
        self.live = False
        return Market(
            tuple(self._message(Kind.FEED_STATE, [(0, 0, 0, LIVE_LAST)], state=int(FeedState.STALE)))
        )

    def _gap_ends(self):
        self.live = True
        self.mid = max(1, self.mid + self._pick(JUMPS))
        book = self._book()
        state = self._message(Kind.FEED_STATE, [(0, 0, 0, LIVE_LAST)], state=int(FeedState.LIVE))
        return Market(book.rows + tuple(state))

    def _jump(self):
        """The market moves: what follows happens around another mid."""
        self.mid = max(1, self.mid + self._pick(JUMPS))
        return self._depth()

    def _place(self):
        self.last_id += 1
        side, order_type = self._byte() % 2, self._pick((0, 0, 0, 1, 1, 2, 3))
        price, size, budget = self._price(side), self._pick(SIZES), 0
        if order_type == 3:
            price = 0
            if side == 0:
                budget, size = min(self.mid * size + self._byte(), INT64_MAX), 0
        stp = self._pick((0, 0, 1, 2, 3))
        return Place(self.last_id, self._byte() % 3, side, order_type, price, size, budget, stp, self.now_ns)

    def _cancel(self):
        return Cancel(self._byte() % (self.last_id + 2), self.now_ns)


STEPS = (
    *(Decoder._place,) * 8,
    *(Decoder._depth,) * 8,
    *(Decoder._trade,) * 8,
    Decoder._mark,
    Decoder._bbo,
    Decoder._bbo,
    Decoder._cancel,
    Decoder._jump,
    Decoder._book,
    Decoder._gap,
)
