"""A venue that knows the truth, a network that loses, repeats and swaps messages, and the mirror between.

1. Whenever the mirror says LIVE, its book is the venue's published book at the mirror's version.
2. The book that a consumer adds up from the events is the mirror's book; outside LIVE it gets no market.
3. A level that still exists beyond the window is never told as emptied, nor one from there as new.
4. On a network that works again the mirror becomes LIVE at the venue's newest version.

Left out, because the protocol cannot tell: a sign of life after the loss of the very update whose version it
repeats looks like an empty update. So signs of life reach only a mirror that has the newest version.
"""

import os
from collections import deque

from feed_messages import RULES, snapshot, trade, trades, update
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paper_bitmart.feed.events import ASK, BID, FeedState, Flag, Kind
from paper_bitmart.feed.mirror import Mirror

WINDOW = 4
MID = 1_000
Book = dict[int, int]


class SmallWindowMirror(Mirror):
    window = WINDOW


class Venue:
    """The full book, and the best WINDOW levels of it that are published under rising versions."""

    def __init__(self):
        self.epoch, self.version = 0, 100
        self.full: tuple[Book, Book] = ({}, {})
        self.history: dict[tuple[int, int], tuple[Book, Book]] = {}
        self.full_history: dict[tuple[int, int], tuple[Book, Book]] = {}
        self.remember()

    def published(self) -> tuple[Book, Book]:
        bids, asks = self.full
        return (
            {price: bids[price] for price in sorted(bids, reverse=True)[:WINDOW]},
            {price: asks[price] for price in sorted(asks)[:WINDOW]},
        )

    def remember(self):
        self.history[self.epoch, self.version] = self.published()
        self.full_history[self.epoch, self.version] = (dict(self.full[BID]), dict(self.full[ASK]))

    def change(self, changes) -> bytes:
        before = self.published()
        for side, distance, size in changes:
            price = MID - 1 - distance if side == BID else MID + 1 + distance
            if size:
                self.full[side][price] = size
            else:
                self.full[side].pop(price, None)
        after = self.published()
        self.version += 1
        self.remember()
        return update(self.version, *(difference(*sides) for sides in zip(before, after, strict=True)))

    def snapshot(self) -> bytes:
        bids, asks = self.published()
        return snapshot(self.version, bids.items(), asks.items())

    def restart(self):
        self.epoch, self.version = self.epoch + 1, 3
        self.remember()


def difference(before: Book, after: Book):
    gone = [(price, 0) for price in before if price not in after]
    return gone + [(price, size) for price, size in after.items() if before.get(price) != size]


CHANGES = st.lists(
    st.tuples(st.sampled_from([BID, ASK]), st.integers(0, 9), st.sampled_from([0, 0, 1, 2, 3])), max_size=6
)


class MirrorAgainstTruth(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.venue = Venue()
        self.mirror = SmallWindowMirror(RULES)
        self.network: deque[bytes] = deque()
        self.seen: tuple[Book, Book] = ({}, {})
        self.seen_state = FeedState.SYNCING
        self.now_ns = 0
        self.answered = 0

    # The venue

    @initialize(changes=CHANGES)
    def subscribe(self, changes):
        levels = [(side, distance, 2) for side in (BID, ASK) for distance in range(WINDOW + 2)]
        self.venue.change(levels + changes)
        self.send(self.venue.snapshot())

    @rule(changes=CHANGES)
    def market_moves(self, changes):
        self.send(self.venue.change(changes))

    @rule(changes=st.lists(CHANGES, min_size=1, max_size=5))
    def market_moves_and_all_arrives(self, changes):
        for change in changes:
            self.send(self.venue.change(change))
            self.deliver(len(self.network))
            self.answer_request()

    @rule(message=st.sampled_from(["sign of life", "trades", "snapshot"]))
    def something_else(self, message):
        if message == "sign of life":
            if self.mirror.state is not FeedState.SYNCING and self.mirror.version == self.venue.version:
                self.consume(self.mirror.receive(update(self.venue.version), self.tick()))
        elif message == "trades":
            self.send(trades(trade(MID, 1, "buy"), trade(MID, 2, "buy")))
        else:
            self.send(self.venue.snapshot())

    @rule()
    def answer_request(self):
        if self.mirror.wants_snapshot and self.mirror.requests > self.answered:
            self.answered = self.mirror.requests
            self.send(self.venue.snapshot())

    # The network

    def send(self, message):
        self.network.append(message)

    @rule(count=st.integers(1, 8))
    def deliver(self, count):
        for _ in range(min(count, len(self.network))):
            self.consume(self.mirror.receive(self.network.popleft(), self.tick()))
            self.live_means_the_truth_of_that_version()

    @precondition(lambda self: len(self.network) > 1)
    @rule(fault=st.sampled_from(["lose", "repeat", "swap"]), at=st.integers(0, 3))
    def fault(self, fault, at):
        at = min(at, len(self.network) - 2)
        if fault == "lose":
            del self.network[at]
        elif fault == "repeat":
            self.network.insert(at, self.network[at])
        else:
            self.network[at], self.network[at + 1] = self.network[at + 1], self.network[at]

    @rule(upset=st.sampled_from(["garbled", "silence", "reconnect", "restart"]))
    def upset(self, upset):
        if upset == "garbled":
            self.consume(self.mirror.receive(b'{"table":"spot/dep', self.tick()))
        elif upset == "silence":
            self.now_ns += 10**12
            self.consume(self.mirror.tick(self.now_ns))
        else:
            self.reconnect(restart=upset == "restart")

    def reconnect(self, *, restart):
        self.network.clear()
        self.consume(self.mirror.disconnected(self.tick()))
        if restart:
            self.venue.restart()
        self.consume(self.mirror.connected(self.tick()))
        self.send(self.venue.snapshot())

    # What must hold

    @invariant()
    def live_means_the_truth_of_that_version(self):
        if self.mirror.state is FeedState.LIVE:
            truth = self.venue.history[self.venue.epoch, self.mirror.version]
            assert (dict(self.mirror.bids), dict(self.mirror.asks)) == truth
            assert self.seen == truth

    @invariant()
    def every_state_was_told(self):
        assert self.seen_state is self.mirror.state

    def teardown(self):
        for _ in range(3):
            if self.mirror.state is not FeedState.LIVE:
                self.network.append(self.venue.snapshot())
            self.deliver(len(self.network))
        self.network.append(self.venue.snapshot())
        self.deliver(1)
        assert self.mirror.state is FeedState.LIVE
        assert self.mirror.version == self.venue.version
        self.live_means_the_truth_of_that_version()

    def tick(self) -> int:
        self.now_ns += 1_000
        return self.now_ns

    def consume(self, events):
        """Add up the events as a consumer does."""
        assert not len(events) or events["flags"][-1] & Flag.LAST
        trusted = self.seen_state is FeedState.LIVE
        for event in events.tolist():
            _, _, price, size, _, flags, kind, side = event
            if kind == Kind.FEED_STATE:
                self.seen_state = FeedState(size)
                trusted = self.seen_state is FeedState.LIVE
            elif kind == Kind.SNAPSHOT_BEGIN:
                self.seen, trusted = ({}, {}), True
            elif kind == Kind.LEVEL:
                assert trusted
                if not flags & Flag.SNAPSHOT:
                    self.check_window_flags(price, size, flags, side)
                self.write_level(price, size, side)
            else:
                assert trusted

    def write_level(self, price, size, side):
        if size:
            self.seen[side][price] = size
        else:
            del self.seen[side][price]

    def check_window_flags(self, price, size, flags, side):
        version = self.mirror.version
        before = self.venue.full_history[self.venue.epoch, version - 1][side]
        after = self.venue.full_history[self.venue.epoch, version][side]
        if size == 0 and price in after:
            assert flags & Flag.LEFT_WINDOW
        if size and price in before and price not in self.seen[side]:
            assert flags & Flag.ENTERED_WINDOW


TestMirrorAgainstTruth = MirrorAgainstTruth.TestCase
# Shrinking a failure takes minutes: ask for it.
if not os.environ.get("PAPER_BITMART_SHRINK"):
    TestMirrorAgainstTruth.settings = settings(phases=[Phase.explicit, Phase.generate])
