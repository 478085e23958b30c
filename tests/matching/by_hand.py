"""A market written by hand: prices in ticks, sizes in lots, times in ms after the start."""

import numpy as np
from naive_records import as_report

from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind
from paper_bitmart.matching.matcher import Matcher
from paper_bitmart.matching.models import CONSERVATIVE

MS = 1_000_000
START_NS = 1_700_000_000_000 * MS
BUY, SELL = BID, ASK = 0, 1
LIMIT, LIMIT_MAKER, IOC, MARKET = range(4)


def ns(ms):
    return START_NS + int(ms * MS)


def event(kind, at_ms, side=0, price=0, size=0, *, flags=int(Flag.LAST), ago_ms=0, seq=0):
    return (ns(at_ms), ns(at_ms - ago_ms), price, size, seq, flags, int(kind), side)


def array(*rows):
    return np.array(list(rows), EVENT_DTYPE)


def book(at_ms, bids, asks):
    """A whole new book (ticks -> lots) of a live feed."""
    flags = int(Flag.SNAPSHOT)
    rows = [event(Kind.SNAPSHOT_BEGIN, at_ms, flags=flags)]
    for side, levels in ((BID, bids), (ASK, asks)):
        rows += [event(Kind.LEVEL, at_ms, side, price, size, flags=flags) for price, size in levels.items()]
    rows.append(event(Kind.SNAPSHOT_END, at_ms))
    rows.append(event(Kind.FEED_STATE, at_ms, size=int(FeedState.LIVE)))
    return array(*rows)


def level(at_ms, side, price, size, *, ago_ms=0, flags=0):
    return array(event(Kind.LEVEL, at_ms, side, price, size, flags=flags | int(Flag.LAST), ago_ms=ago_ms))


def trade(at_ms, aggressor, price, size, *, ago_ms=0):
    return array(event(Kind.TRADE, at_ms, aggressor, price, size, ago_ms=ago_ms))


class Desk:
    """A matcher with the shortest way to use it."""

    def __init__(self, bids=None, asks=None, *, queue_model=CONSERVATIVE, **settings):
        self.matcher = Matcher(queue_model=queue_model, **settings)
        self.now_ms = 0
        if bids is not None:
            self.send(book(0, bids, asks))

    def send(self, *arrays):
        for events in arrays:
            self.matcher.process(events)

    def place(self, order_id, side, price, size, *, order_type=LIMIT, account=0, budget=0, stp=0, at_ms=1):
        self.matcher.place(order_id, account, side, order_type, price, size, budget, stp, ns(at_ms))

    def reports(self):
        return [as_report(row) for row in self.matcher.drain()]

    def fills(self):
        """(order id, lots) of every fill since the last look."""
        return [(r.order_id, r.size) for r in self.reports() if r.kind == 1]

    def ahead(self, order_id):
        return self.matcher.queue_ahead(order_id)
