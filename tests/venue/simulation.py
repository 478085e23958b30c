"""One client session against the faulty venue, in simulated time: no sockets, no waiting, one seed.

Checked after every event (`Simulation.check`):

1. A symbol that says LIVE has the venue's book of the mirror's version; on depth50, which has no versions,
   a book that the venue published.
2. The book that a consumer adds up from the events is the same book; outside LIVE it hears of no trade.
3. Nothing fills, and no order is accepted, on a symbol that is not LIVE (`Traders`, if asked for).
4. Every time outside LIVE is an outage with a start and an end, as the consumer saw it.

And at the end (`Simulation.run`):

5. Once the faults are over, every symbol that can come back is LIVE within `RECOVERY_NS_MAX`.
6. The client kept to the venue's limits.

    python -m venue.simulation 71        (in tests/) repeats run 71 and prints what happened
"""

import heapq
import itertools
import random
import sys

from venue.consumer import Consumer
from venue.fault_plan import SECOND_NS, FaultPlan
from venue.faulty_venue import FaultyVenue
from venue.traders import Traders

from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live.backoff import Backoff
from paper_bitmart.feed.live.bitmart_session import BitmartSession
from paper_bitmart.feed.live.live_source import apply_rules
from paper_bitmart.feed.live.outages import OutageLog
from paper_bitmart.feed.live.venue_limits import BITMART_WS, RateWindow

START_NS = 1_763_800_000 * SECOND_NS
SYMBOLS = ("AAA_USDT", "BBB_USDT")
HANDSHAKE_NS = 50_000_000
RULES_EVERY_NS = 30 * SECOND_NS
AFTER_NS = 3 * SECOND_NS
RECOVERY_NS_MAX = 120 * SECOND_NS
"""Longest chain seen by design: silence found after 30 s, three rungs of 5 s, waits of up to 45 s."""


class Simulation:
    """`recovered_ns`: how long after the last fault all symbols were LIVE again.

    With `trades` an exchange is behind the feed, and somebody trades on it: `traders`.
    """

    def __init__(self, seed, plan=None, *, trades=False):
        self.seed = seed
        self.now_ns = START_NS
        self.plan = FaultPlan.drawn(seed, START_NS + 2 * SECOND_NS) if plan is None else plan
        self.venue = FaultyVenue(SYMBOLS, seed, self.plan, START_NS, has_book_ticker=seed % 4 == 0)
        self.outages = OutageLog()
        rng = random.Random(f"client {seed}")
        self.session = BitmartSession(dict(self.venue.table), rng=rng, outages=self.outages)
        self.backoff = Backoff(RateWindow(BITMART_WS.connects_per_minute, 60 * SECOND_NS), rng)
        self.consumers = {symbol: Consumer() for symbol in SYMBOLS}
        self.traders = Traders(dict(self.venue.table), seed, self.consumers, START_NS) if trades else None
        self.notices = []
        self.recovered_ns = None
        self._in_flight = []
        self._order = itertools.count()
        self._up_ns = None
        self._connection = 0
        self._rules_read_ns = START_NS
        self._told = dict(self.venue.table)

    def run(self):
        """Until everything is well again some time after the last fault; returns self."""
        give_up_ns = max(self.plan.ends_ns, START_NS) + RECOVERY_NS_MAX
        well_since_ns = None
        while well_since_ns is None or self.now_ns < well_since_ns + AFTER_NS:
            self._step()
            if self.now_ns < self.plan.ends_ns or not self._is_well():
                well_since_ns = None
                assert self.now_ns < give_up_ns, f"not recovered: {self}"
            elif well_since_ns is None:
                well_since_ns = self.now_ns
                self.recovered_ns = max(0, self.now_ns - self.plan.ends_ns)
        self._check_outages()
        self._check_limits()
        return self

    def _is_well(self):
        mirrors = self.session.mirrors
        return all(mirrors[symbol].state is FeedState.LIVE for symbol in self.session.followed())

    def _step(self):
        """The next thing that happens, and what follows from it at once."""
        session = self.session
        due = [self.venue.next_ns, session.next_ns(self.now_ns), self.now_ns + SECOND_NS]
        due += [entry[0] for entry in self._in_flight[:1]]
        due.append(self._up_ns or self.backoff.next_ns(self.now_ns) if not session.is_open else due[0])
        self.now_ns = now_ns = max(self.now_ns, min(due))
        self._connect()
        while self._in_flight and self._in_flight[0][0] <= now_ns:
            self._deliver(*heapq.heappop(self._in_flight)[2:])
            self._do()
        if self.venue.next_ns <= now_ns:
            self._carry(self.venue.step(now_ns))
        if session.next_ns(now_ns) <= now_ns:
            session.tick(now_ns)
        self._do()
        self._read_rules()
        if self.traders is not None:
            mids = {symbol: market.mid for symbol, market in self.venue.markets.items()}
            self.traders.step(now_ns, mids)

    def _connect(self):
        if self.session.is_open:
            return
        if self._up_ns is None:
            if self.backoff.attempt(self.now_ns):
                self._up_ns = self.now_ns + HANDSHAKE_NS
        elif self._up_ns <= self.now_ns:
            self._up_ns = None
            if self.venue.connect(self.now_ns):
                self._connection += 1
                self.session.opened(self.now_ns)
            else:
                self._lost("refused")

    def _lost(self, why):
        self.venue.disconnect()
        self._in_flight.clear()
        self.session.closed(self.now_ns, why)
        self.backoff.failed(self.now_ns)
        self._do()

    def _carry(self, frames):
        for deliver_ns, frame in frames:
            heapq.heappush(self._in_flight, (deliver_ns, next(self._order), self._connection, frame))

    def _deliver(self, connection, frame):
        if connection != self._connection or not self.session.is_open:
            return
        if frame is not None:
            self.session.receive(frame, self.now_ns)
        elif not self.venue.is_half_open:
            self._lost("closed by the venue")

    def _do(self):
        """What the shell does after each step."""
        session = self.session
        if session.live:
            self.backoff.worked()
        for symbol, events in session.take_events():
            self.consumers[symbol].take(events)
            if self.traders is not None:
                self.traders.heard(symbol, events)
            self.check(symbol)
        self.notices += session.take_problems()
        if session.is_open:
            for text in session.take_frames(self.now_ns):
                self._carry(self.venue.receive(text, self.now_ns))
        if session.close_reason:
            self._lost(session.close_reason)

    def _read_rules(self):
        if self.session.rules_doubted and self.now_ns >= self._rules_read_ns + RULES_EVERY_NS:
            self._rules_read_ns = self.now_ns
            self.session.rules_doubted = False
            apply_rules(self.session, self.venue.table, self._told, self.now_ns, self.notices.append)
            self._do()

    def check(self, symbol):
        mirror, consumer = self.session.mirrors[symbol], self.consumers[symbol]
        assert consumer.state is mirror.state, self
        assert (symbol in self.outages.open) == (
            mirror.state is not FeedState.LIVE and bool(consumer.states)
            and any(state is FeedState.LIVE for _, state in consumer.states)
        ), self  # fmt: skip
        if mirror.state is not FeedState.LIVE:
            return
        book = dict(mirror.bids), dict(mirror.asks)
        assert consumer.book == book, self
        published = self.venue.markets[symbol].published
        if mirror.version >= 0:
            assert book == published[mirror.version], f"{self}: {symbol} at {mirror.version}"
        else:
            assert book in published.values(), f"{self}: {symbol} on depth50"

    def _check_outages(self):
        for symbol, consumer in self.consumers.items():
            told = [o for o in self.outages.finished if o.symbol == symbol]
            if symbol in self.outages.open:
                told.append(self.outages.open[symbol])
            assert [(o.start_ns, o.end_ns) for o in told] == _outages_of(consumer.states), self
            assert all(outage.why for outage in told), self

    def _check_limits(self):
        for sent in self.venue.messages:
            _check_rate([at_ns for at_ns, _ in sent], 100, 10 * SECOND_NS)
        _check_rate(self.venue.connects, 30, 60 * SECOND_NS)

    def __str__(self):
        states = {symbol: mirror.state.name for symbol, mirror in self.session.mirrors.items()}
        return (
            f"seed {self.seed} at {(self.now_ns - START_NS) / 1e9:.3f} s: {states}, halted "
            f"{self.session.halted}, plan {self.plan}, notices {self.notices[-5:]}"
        )


def _outages_of(states):
    """(start_ns, end_ns) of the times outside LIVE after the first LIVE."""
    outages, start_ns, was_live = [], None, False
    for at_ns, state in states:
        if state is FeedState.LIVE:
            if start_ns is not None:
                outages.append((start_ns, at_ns))
            start_ns, was_live = None, True
        elif was_live and start_ns is None:
            start_ns = at_ns
    return outages if start_ns is None else [*outages, (start_ns, None)]


def _check_rate(times_ns, count, window_ns):
    for first_ns, beyond_ns in zip(times_ns, times_ns[count:], strict=False):
        assert beyond_ns - first_ns >= window_ns


def main(seeds):
    for seed in seeds:
        simulation = Simulation(int(seed)).run()
        print(simulation)
        for outage in simulation.outages.finished:
            print(f"  {outage.symbol} {outage.state.name} {outage.length_ns / 1e9:.3f} s: {outage.why}")


if __name__ == "__main__":
    main(sys.argv[1:])
