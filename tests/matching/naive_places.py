"""The queue model `places` in plain Python: guessed orders of a level, and the places an order may have.

Written from docs/matching.md, with lists instead of linked slots. Numbers are floats as in the core, since
weights have no exact form worth keeping; decisions are made with the same tolerance.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

from naive_records import snap

YOUNG_S, SETTLED_S, MIXED_PER_S, PLACES_MAX, STEADY = 0.2, 5.0, 0.5, 12, 0.02
WATCHED = 64
HALF, LIGHT, RATIO_MAX = 0.5 - 1e-6, 1e-4, 50.0
GUESSES_MAX, FADED, ROUNDS = 256, 0.02, 4


def grain(lots):
    return float(snap(lots))


@dataclass
class Guess:
    """An order of others; `is_settled`: it stood there when the level's watch began."""

    lots: int
    born_ns: float
    is_settled: bool = False
    alive: float = 1.0

    def rate(self, now_ns, is_touch):
        age_s = (now_ns - self.born_ns) / 1e9 + (SETTLED_S if self.is_settled else 0.0)
        return rate_at(age_s, is_touch)

    def was_there(self, at_ns):
        return self.is_settled or self.born_ns <= at_ns

    def leave(self, chance):
        gone = min(1.0, chance) * self.alive
        self.alive -= gone
        return gone * self.lots


def rate_at(age_s, is_touch):
    return 1.0 / (max(age_s, 0.0) + YOUNG_S) + (STEADY if is_touch else 0.0)


@dataclass
class Guesses:
    """Guessed orders of a level, oldest first, each with the probability that it still stands."""

    orders: list = field(default_factory=list)

    def settle(self, lots, born_ns):
        self.orders = [Guess(lots, born_ns, True)] if lots > 0 else []

    def update(self, printed, expected, lots, now_ns, publish_s, is_touch):
        """The front traded; what came is one order; what left may have been anybody."""
        if lots == 0:
            self.orders = []
            return
        self._trade(float(printed))
        if lots > expected:
            self._join(lots - expected, now_ns)
        elif lots < expected:
            self._fade(expected - lots, now_ns, publish_s, is_touch)

    def _join(self, lots, now_ns):
        if len(self.orders) >= GUESSES_MAX:
            last = self.orders[-1]
            last.alive = (last.alive * last.lots + lots) / (last.lots + lots)
            last.lots += lots
            return
        self.orders.append(Guess(lots, now_ns))

    def _trade(self, left):
        while left > 0 and self.orders:
            front = self.orders[0]
            standing = front.lots * front.alive
            if standing > left:
                front.lots -= int(left)
                front.alive = min(1.0, (standing - left) / front.lots)
                return
            left -= standing
            del self.orders[0]

    def _fade(self, lots, now_ns, publish_s, is_touch):
        rates = [(guess, guess.rate(now_ns, is_touch)) for guess in self.orders[::-1]]
        twins = sum(rate * guess.alive for guess, rate in rates if guess.lots == lots)
        one = chance_of_one(twins, hazard_of_all(rates), lots, publish_s)
        left = float(lots)
        if one > 0:
            left -= sum(guess.leave(one / twins * rate) for guess, rate in rates if guess.lots == lots)
        for _ in range(ROUNDS):
            hazards = hazard_of_all(rates)
            if left <= 1e-6 * lots or hazards <= 0:
                break
            factor = left / hazards
            left -= sum(guess.leave(factor * rate) for guess, rate in rates)
        self.orders = [guess for guess in self.orders if guess.alive >= FADED]


def hazard_of_all(rates):
    return sum(rate * guess.alive * guess.lots for guess, rate in rates)


def chance_of_one(twins, hazards, lots, publish_s):
    """Probability that a drop of `lots` was one order, not several."""
    if twins <= 0:
        return 0.0
    return twins / (twins + MIXED_PER_S * min(publish_s, 1.0) * hazards / lots)


@dataclass
class Places:
    """Where one order may stand: [lots ahead, weight]; what printed since the last depth message."""

    rows: list
    joined_ns: float
    window: int = 0
    early: int = 0
    filled: int = 0

    @classmethod
    def at(cls, ahead, joined_ns):
        return cls([(float(ahead), 1.0)], joined_ns)

    def stand_at(self, lots):
        self.rows, self.window, self.early, self.filled = [(float(lots), 1.0)], 0, 0, 0

    @property
    def mean(self):
        return snap(sum(weight * max(0.0, lots - self.window) for lots, weight in self.rows))

    def due(self, rows, shift, printed):
        """Lots due when the median of `rows` lies `shift` - lots beyond the order."""
        reached = int(shift - median(rows) + 0.5)
        return max(0, min(reached, printed - self.early) - self.filled)

    def print_reaches(self, lots, is_early):
        self.window += lots
        self.early += lots if is_early else 0
        return self.due(self.rows, self.window, self.window)

    def late_print_reaches(self, lots, back):
        rows = [(place + back - lots, weight) for place, weight in self.rows]
        reached = -median(rows)
        self.rows = kept(rows)
        return max(0, int(reached + 0.5)) if reached > 0 else 0

    def message(self, known, printed, cancelled, is_emptied, chance):
        """`chance(ahead, behind)`: probability that the cancelled lots were ahead."""
        rows, first = [], 0 if is_emptied and printed > 0 else printed
        for lots, weight in self.rows:
            ahead = lots - first
            if cancelled <= 0 or ahead <= 0:
                rows.append((lots - printed, weight))
                continue
            behind = max(0.0, known - first - ahead)
            p = chance(ahead, behind)
            if p > 0:
                rows.append((max(0.0, ahead - cancelled) + first - printed, weight * p))
            if p < 1:
                left = min(ahead, max(0.0, ahead - (cancelled - behind)))
                rows.append((left + first - printed, weight * (1 - p)))
        rows.sort(key=lambda row: row[0])
        due = self.due(rows, 0, printed)
        self.window -= printed
        self.early = max(0, self.early - printed)
        self.rows = kept(rows)
        self.filled = min(self.filled, max(0, int(self.window - median(self.rows) + 0.5)))
        return due

    def some_joined_first(self, added, share):
        rows = [(lots, weight * (1 - share)) for lots, weight in self.rows]
        rows += [(lots + added, weight * share) for lots, weight in self.rows]
        self.rows = kept(sorted(rows, key=lambda row: row[0]))

    def cap(self, displayed):
        fitting = [row for row in self.rows if row[0] <= displayed]
        if len(fitting) < len(self.rows):
            self.rows = kept(fitting or [(float(displayed), 1.0)])


def median(rows):
    total, seen = sum(weight for _, weight in rows), 0.0
    for lots, weight in rows:
        seen += weight
        if seen >= HALF * total:
            return lots
    return rows[-1][0]


def kept(rows):
    """Equal ones merged, light ones forgotten, the closest merged until there is room; weights sum to 1."""
    total, merged = sum(weight for _, weight in rows), []
    for lots, weight in rows:
        lots, weight = grain(max(0.0, lots)), weight / total
        if weight < LIGHT:
            continue
        if merged and lots <= merged[-1][0]:
            merged[-1] = (merged[-1][0], merged[-1][1] + weight)
        else:
            merged.append((lots, weight))
    while len(merged) > PLACES_MAX:
        pairs = list(pairwise(merged))
        losses = [a * b / (a + b) * (y - x) * (y - x) for (x, a), (y, b) in pairs]
        i = losses.index(min(losses))
        (x, a), (y, b) = pairs[i]
        merged[i : i + 2] = [(grain((a * x + b * y) / (a + b)), a + b)]
    total = sum(weight for _, weight in merged)
    return [(lots, weight / total) for lots, weight in merged]


def chance_ahead(guesses, joined_ns, cancelled, now_ns, publish_s, is_touch):
    """A function of (ahead, behind): the probability that the cancelled lots were ahead."""

    front = [g for g in guesses.orders if g.was_there(joined_ns)][::-1]
    back = [g for g in guesses.orders if not g.was_there(joined_ns)][::-1]

    def sums(side, room):
        lots = float(sum(g.lots * g.alive for g in side))
        if lots == 0:
            return None, 0.0
        twins = sum(g.rate(now_ns, is_touch) * g.alive for g in side if g.lots == cancelled) * min(
            1.0, room / lots
        )
        rates = sum(g.rate(now_ns, is_touch) * g.alive * g.lots for g in side)
        return rates / lots, twins if room >= cancelled else 0.0

    def chance(ahead, behind):
        if ahead <= 0:
            return 0.0
        if behind <= 0:
            return 1.0
        rate_ahead, twins_ahead = sums(front, ahead)
        rate_behind, twins_behind = sums(back, behind)
        rate_ahead = rate_at(SETTLED_S, is_touch) if rate_ahead is None else rate_ahead
        rate_behind = rate_at(0.0, is_touch) if rate_behind is None else rate_behind
        ratio = min(RATIO_MAX, max(1 / RATIO_MAX, rate_behind / rate_ahead))
        several = leave_evenly(ahead, behind, float(cancelled), ratio) / cancelled
        twins = twins_ahead + twins_behind
        if twins == 0:
            return several
        one = chance_of_one(twins, ahead * rate_ahead + behind * rate_behind, cancelled, publish_s)
        return one * twins_ahead / twins + (1 - one) * several

    return chance


def leave_evenly(ahead, behind, cancelled, ratio):
    """Mean of Wallenius' distribution, by bisection of the time that passes."""
    if cancelled >= ahead + behind:
        return ahead
    low, high = 0.0, 800.0
    for _ in range(200):
        s = (low + high) / 2
        left = ahead * math.exp(-s) + behind * math.exp(-ratio * s)
        low, high = (s, high) if ahead + behind - left < cancelled else (low, s)
    return ahead * (1 - math.exp(-low))
