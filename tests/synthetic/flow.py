"""People who trade: a seeded order flow around a wandering fair value, played into an order-by-order book.

Quoters place orders around fair value and take them off again, the young ones first; they flee from a price
beyond fair value and from a touch that runs thin. Aggressors come in clusters, sometimes for exactly the
displayed size, and hit quotes that fair value has passed. One heap of events, no wall clock.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from random import Random

from l3_book import ASK, BID, Book
from regimes import Regime

S = 1_000_000_000
FAIR_STEP_NS = S // 20
WARM_UP_S = 30
START_NS = 1_700_000_000 * S


class Flow:
    """Plays a regime; `book` holds the log from `start_ns` on (the warm-up is thrown away).

    Args:
        probes: times, rising, at which `on_probe(at_ns, index, book)` sees the exact book.
    """

    def __init__(
        self,
        regime: Regime,
        seed: int,
        seconds: float,
        probes: Sequence[int] = (),
        on_probe: Callable[[int, int, Book], None] | None = None,
        on_start: Callable[[Book], None] | None = None,
    ) -> None:
        self.regime = regime
        self.random = Random(f"{regime.name}/{seed}")
        self.book = Book()
        self.fair = float(regime.mid)
        self.start_ns, self.end_ns = START_NS, START_NS + int(seconds * S)
        self._heap: list = []
        self._seq = 0
        self._probes, self._on_probe, self._on_start = probes, on_probe, on_start

    def play(self) -> Book:
        now = self.start_ns - WARM_UP_S * S
        self._build_book(now)
        for rate, act in (
            (self.regime.limit_rate, self._limit), (self.regime.market_rate, self._market),
            (self.regime.hidden_rate, self._hidden), (self.regime.flood_rate, self._flood),
        ):  # fmt: skip
            if rate > 0:
                self._after(now, 1 / rate, self._repeat, (1 / rate, act))
        self._at(now + FAIR_STEP_NS, self._step_fair, None)
        self._at(self.start_ns, self._start, None)
        for i, at_ns in enumerate(self._probes):
            self._at(at_ns, self._probe, i)
        while self._heap and self._heap[0][0] <= self.end_ns:
            now, _, act, argument = heapq.heappop(self._heap)
            act(now, argument)
        return self.book

    # When things happen

    def _at(self, at_ns, act, argument):
        self._seq += 1
        heapq.heappush(self._heap, (at_ns, self._seq, act, argument))

    def _after(self, now, mean_s, act, argument):
        self._at(now + 1 + int(self.random.expovariate(1 / mean_s) * S), act, argument)

    def _repeat(self, now, mean_and_act):
        mean_s, act = mean_and_act
        self._after(now, mean_s, self._repeat, mean_and_act)
        act(now, None)

    def _start(self, now, _):
        for log in (self.book.changes, self.book.executions, self.book.quotes):
            log.clear()
        if self._on_start is not None:
            self._on_start(self.book)

    def _probe(self, now, index):
        if self._on_probe is not None:
            self._on_probe(now, index, self.book)

    # Quoters

    def _build_book(self, now):
        for side in (BID, ASK):
            for i in range(self.regime.levels):
                step = max(1.0, self.regime.depth / 8)
                price = self._aimed_best(side) + int(i * step) * (-1 if side == BID else 1)
                for _ in range(self._poisson(self.regime.level_orders)):
                    if price > 0:
                        self._rest(now, side, price, self._size(), self._life_s(60.0))

    def _poisson(self, mean):
        n, p, limit = 0, self.random.random(), math.exp(-mean)
        while p > limit:
            n += 1
            p *= self.random.random()
        return n

    def _aimed_best(self, side):
        half = self.regime.spread / 2
        return math.floor(self.fair - half + 0.5) if side == BID else math.ceil(self.fair + half - 0.5)

    def _size(self):
        size = self.random.choices(self.regime.sizes, self.regime.weights)[0]
        if self.regime.noise:
            size *= self.random.lognormvariate(0.0, self.regime.noise)
        return max(1, round(size))

    def _life_s(self, age_s=0.0):
        scale = self.regime.life_s * (20.0 if self.random.random() < self.regime.stay else 1.0) + age_s
        return scale * (self.random.random() ** (-1.0 / self.regime.life_shape) - 1.0)

    def _rest(self, now, side, price, lots, life_s):
        """A displayed order, after it has met the hidden ones that it crosses."""
        lots = self.book.aggress(side, lots, now, limit=price)
        if lots > 0:
            order = self.book.add(side, price, lots, now)
            self._at(now + 1 + int(min(life_s, 1e6) * S), self._leave, order.order_id)

    def _leave(self, now, order_id):
        order = self.book.orders.get(order_id)
        if order is None:
            return
        if order.lots > 1 and self.random.random() < self.regime.shrink:
            self.book.cancel(order_id, now, lots=self.random.randrange(1, order.lots))
            self._at(now + 1 + int(min(self._life_s(), 1e6) * S), self._leave, order_id)
        else:
            self.book.cancel(order_id, now)

    def _limit(self, now, _):
        side = self.random.randrange(2)
        away = self._exponential(self.regime.depth)
        if self.random.random() < 0.4:
            away = 0  # many quote at the aimed-at best itself
        price = self._aimed_best(side) + (-away if side == BID else away)
        self._quote(now, side, price, self._size())

    def _exponential(self, mean):
        return int(self.random.expovariate(1.0 / (mean + 0.5)))

    def _quote(self, now, side, price, lots):
        """Rest behind the other side's best; an order that would cross joins the best price short of it."""
        other = self.book.best(1 - side)
        if other is not None:
            price = min(price, other - 1) if side == BID else max(price, other + 1)
        if price > 0:
            self._rest(now, side, price, lots, self._life_s())

    def _step_fair(self, now, _):
        dt = FAIR_STEP_NS / S
        self.fair = max(2.0, self.fair + self.random.gauss(0.0, self.regime.volatility * math.sqrt(dt)))
        self._at(now + FAIR_STEP_NS, self._step_fair, None)
        for side in (BID, ASK):
            best = self.book.best(side)
            if best is None:
                self._quote(now, side, self._aimed_best(side), self._size())
                continue
            beyond = best - self.fair if side == BID else self.fair - best
            queue = list(self.book.levels[side][best].values())
            fear = self.regime.flee_rate * ((beyond > 0) + 1.0 / len(queue) ** 2) * dt
            for order in queue:
                if self.random.random() < fear:
                    self.book.cancel(order.order_id, now)
            if beyond > 0 and self.random.random() < self.regime.informed * beyond * dt:
                self._hit(now, 1 - side)

    # Aggressors

    def _market(self, now, _):
        bid, ask = self.book.best(BID), self.book.best(ASK)
        if bid is None or ask is None:
            return
        thin_ask = self.book.size_at(BID, bid) / (self.book.size_at(BID, bid) + self.book.size_at(ASK, ask))
        self._hit(now, BID if self.random.random() < 0.15 + 0.7 * thin_ask else ASK)

    def _follow(self, now, side):
        self._hit(now, side)

    def _hit(self, now, side):
        """An aggressor; `side` is its own."""
        best = self.book.best(1 - side)
        if best is None:
            return
        shown, kind = self.book.size_at(1 - side, best), self.random.random()
        if kind < self.regime.sweep:
            self.book.aggress(side, shown + 2 * self._market_size(), now)
        elif kind < self.regime.sweep + self.regime.exact:
            self.book.aggress(side, shown, now, limit=best)
        elif kind < self.regime.sweep + self.regime.exact + 0.2:
            left = self.book.aggress(side, self._market_size(), now, limit=best)
            if left > 0:
                self._quote(now, side, best, left)  # a limit order: the rest of it stays as a quote
        else:
            self.book.aggress(side, self._market_size(), now, limit=best)
        if self.random.random() < self.regime.follow / (1 + self.regime.follow):
            self._after(now, 0.05, self._follow, side)

    def _market_size(self):
        size = self.random.choices(self.regime.market_sizes, self.regime.market_weights)[0]
        if self.regime.noise:
            size *= self.random.lognormvariate(0.0, self.regime.noise)
        return max(1, round(size))

    def _hidden(self, now, _):
        bid, ask = self.book.best(BID), self.book.best(ASK)
        if bid is None or ask is None:
            return
        side = self.random.randrange(2)
        inside = self.random.randrange(0, max(1, ask - bid))
        price = bid + inside if side == BID else ask - inside
        dark = self.book.hidden[1 - side]
        if dark and (dark.keys()[0] <= price if side == BID else dark.keys()[-1] >= price):
            return  # two hidden orders that cross would trade; leave that out
        order = self.book.add(side, price, self._size(), now, is_hidden=True)
        self._after(now, 5.0, self._leave, order.order_id)

    def _flood(self, now, _):
        side, burst_s = self.random.randrange(2), 0.05
        for _ in range(self.regime.flood_orders):
            self._at(now + int(self.random.random() * burst_s * S), self._flood_one, side)

    def _flood_one(self, now, side):
        best, other = self.book.best(side), self.book.best(1 - side)
        if best is None or other is None:
            return
        price = best + self.random.choice((0, 0, 0, -1, -2)) * (1 if side == BID else -1)
        if price > 0:
            life_s = self.random.expovariate(1 / self.regime.flood_life_s)
            self._rest(now, side, price, 1, life_s)
