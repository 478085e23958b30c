"""Binance's stream with lost, repeated, swapped and damaged messages, late and failing snapshots.

1. Whenever the symbol says LIVE, its book is Binance's book of the last update id that was applied.
2. Once messages come whole again, it is LIVE within a bounded time.
3. Trades that never came are counted, each once.
"""

import random

import msgspec
import pytest
from venue.binance_venue import BinanceMarket
from venue.consumer import Consumer

from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live.binance_rules import parse_exchange_info
from paper_bitmart.feed.live.binance_session import BinanceSession

MS = 10**6
SECOND = 1_000 * MS
START = 1_763_800_000 * SECOND
SYMBOL = "BTC_USDT"
RECOVERY_NS_MAX = 150 * SECOND
RUNS_PER_BATCH = 25
FIRST_TRADE_ID = 7_000


class Run:
    def __init__(self, seed):
        self.rng = random.Random(f"binance run {seed}")
        self.market = BinanceMarket(SYMBOL, seed)
        rules = parse_exchange_info(msgspec.json.encode({"symbols": [self.market.info()]}), "info")
        self.session = BinanceSession(rules, rng=random.Random(seed))
        self.mirror = self.session.mirrors[SYMBOL]
        self.consumer = Consumer()
        self.now_ns = START
        self.waiting = []
        self.answers = []
        self.trade_ids = set()
        self.session.opened(self.now_ns)

    def step(self, faulty):
        """100 ms of market."""
        self.now_ns += 100 * MS
        for message in (self.market.move(self.now_ns), self.market.trade(self.now_ns)):
            frame = msgspec.json.encode(message).decode()
            fault = self.rng.choice(["lose", "repeat", "hold", "damage"]) if self._hits(faulty) else ""
            if fault != "lose":
                self.waiting.append(frame[:40] if fault == "damage" else frame)
            if fault == "repeat":
                self.waiting.append(frame)
            if fault != "hold":
                # What was held back before comes after this one.
                while self.waiting:
                    self.see(self.waiting.pop())
        if faulty and self.rng.random() < 0.005:
            self.session.closed(self.now_ns, "lost")
            self.check()
            self.session.opened(self.now_ns)
        self.timers(faulty)

    def _hits(self, faulty):
        return faulty and self.rng.random() < 0.01

    def see(self, frame):
        if '"e":"trade"' in frame and frame.endswith("}"):
            self.trade_ids.add(msgspec.json.decode(frame)["data"]["t"])
        self.session.receive(frame, self.now_ns)
        self.check()

    def timers(self, faulty):
        if self.session.next_ns(self.now_ns) <= self.now_ns:
            self.session.tick(self.now_ns)
            self.check()
        self.session.take_frames(self.now_ns)
        for path in self.session.take_fetches():
            body = None if faulty and self.rng.random() < 0.2 else msgspec.json.encode(self.market.snapshot())
            self.answers.append((self.now_ns + self.rng.randrange(1, 30) * 100 * MS, path, body))
        for answer in [answer for answer in self.answers if answer[0] <= self.now_ns]:
            self.answers.remove(answer)
            self.session.fetched(answer[1], answer[2], self.now_ns)
            self.check()

    def check(self):
        for _, events in self.session.take_events():
            self.consumer.take(events)
        assert self.consumer.state is self.mirror.state
        # Messages that come twice make no second print.
        assert self.consumer.trades <= self.market.trade_id - FIRST_TRADE_ID
        if self.mirror.state is FeedState.LIVE:
            truth = self.market.book_at[self.session._symbols[SYMBOL].book.last_id]
            assert (dict(self.mirror.bids), dict(self.mirror.asks)) == truth
            assert self.consumer.book == truth


@pytest.mark.parametrize("batch", range(4))
def test_a_live_book_is_binances_book_whatever_happens(batch):
    outages = repeated = lost = 0
    for seed in range(batch * RUNS_PER_BATCH, (batch + 1) * RUNS_PER_BATCH):
        run = Run(seed)
        for _ in range(250):
            run.step(faulty=True)
        healthy_ns = run.now_ns
        while run.mirror.state is not FeedState.LIVE:
            run.step(faulty=False)
            assert run.now_ns - healthy_ns < RECOVERY_NS_MAX, seed
        ids = run.trade_ids
        never_came = max(ids) - min(ids) + 1 - len(ids)
        assert run.session.outages.trades_lost == never_came, seed
        lost += never_came
        outages += run.session.outages.count
        repeated += run.session.counters[SYMBOL].trades_repeated
        assert run.session.counters[SYMBOL].audit_differences == 0
    assert outages > RUNS_PER_BATCH
    assert repeated > 0
    assert lost > 0
