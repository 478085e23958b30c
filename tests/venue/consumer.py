"""What stands behind a feed: adds up the events, and minds what it may rely on."""

from paper_bitmart.feed.events import FeedState, Flag, Kind


class Consumer:
    """`book`: (bids, asks) as the events tell; `states`: (at_ns, FeedState) of every change."""

    def __init__(self):
        self.book = ({}, {})
        self.state = FeedState.SYNCING
        self.states = []
        self.last_ns = 0
        self.trades = 0

    def take(self, events):
        assert events["flags"][-1] & Flag.LAST
        in_snapshot = False
        for recv_ns, _, price, size, _, _, kind, side in events.tolist():
            assert recv_ns >= self.last_ns
            self.last_ns = recv_ns
            if kind == Kind.FEED_STATE:
                self.state = FeedState(size)
                self.states.append((recv_ns, self.state))
            elif kind == Kind.SNAPSHOT_BEGIN:
                self.book, in_snapshot = ({}, {}), True
            elif kind == Kind.SNAPSHOT_END:
                in_snapshot = False
            elif kind == Kind.LEVEL:
                assert in_snapshot or self.state is FeedState.LIVE
                self._level(price, size, side)
            elif kind in (Kind.TRADE, Kind.BBO):
                # What fills orders comes only while the book is live.
                assert self.state is FeedState.LIVE
                self.trades += kind == Kind.TRADE

    def _level(self, price, size, side):
        if size:
            self.book[side][price] = size
        else:
            del self.book[side][price]
