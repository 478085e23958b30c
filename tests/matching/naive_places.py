"""The queue model `places` in plain Python: guessed orders of a level, and the places an order may have.

Written from docs/matching.md, with lists instead of linked slots. Numbers are floats as in the core, since
weights have no exact form worth keeping; decisions are made with the same tolerance.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

from naive_records import snap

YOUNG_S, SETTLED_S, MIXED_PER_S, PLACES_MAX = 0.1, 5.0, 5.0, 12
HALF, LIGHT, RATIO_MAX = 0.5 - 1e-6, 1e-4, 50.0
GUESSES_MAX = 256


def grain(lots):
    return float(snap(lots))


@dataclass
class Guess:
    """An order of others; `is_settled`: it stood there when the level was first looked at, or after a gap."""

    lots: int
    stamp: int
    born_ns: int
    is_settled: bool = False


@dataclass
class Guesses:
    """Guessed orders of a level, oldest first."""

    orders: list = field(default_factory=list)
    stamp: int = 1

    def settle(self, lots, now_ns):
        self.orders = [Guess(lots, 0, now_ns, True)] if lots > 0 else []

    def update(self, printed, expected, lots, now_ns):
        """The front traded; what came is one order; what left is the youngest of its size, or the back."""
        self._take(printed, 0)
        if lots > expected:
            if len(self.orders) >= GUESSES_MAX:
                self.orders[-1].lots += lots - expected
                return
            self.orders.append(Guess(lots - expected, self.stamp, now_ns))
            self.stamp += 1
        elif lots < expected:
            twins = [g for g in self.orders if g.lots == expected - lots]
            if twins:
                self.orders.remove(twins[-1])
            else:
                self._take(expected - lots, -1)

    def _take(self, lots, at):
        while lots > 0 and self.orders:
            taken = min(lots, self.orders[at].lots)
            self.orders[at].lots -= taken
            lots -= taken
            if self.orders[at].lots == 0:
                del self.orders[at]


@dataclass
class Places:
    """Where one order may stand: [lots ahead, weight]; what printed since the last depth message."""

    rows: list
    joined_stamp: int
    window: int = 0
    early: int = 0
    filled: int = 0

    @classmethod
    def at(cls, ahead, stamp):
        return cls([(float(ahead), 1.0)], stamp)

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


def chance_ahead(guesses, joined_stamp, cancelled, now_ns, publish_s):
    """A function of (ahead, behind): the probability that the cancelled lots were ahead."""

    def rate(guess):
        age_s = (now_ns - guess.born_ns) / 1e9 + (SETTLED_S if guess.is_settled else 0.0)
        return 1.0 / (max(age_s, 0.0) + YOUNG_S)

    front = [g for g in guesses.orders if g.stamp < joined_stamp][::-1]
    back = [g for g in guesses.orders if g.stamp >= joined_stamp][::-1]

    def sums(side, room):
        lots = float(sum(g.lots for g in side))
        if lots == 0:
            return None, 0.0
        twins = sum(rate(g) for g in side if g.lots == cancelled) * min(1.0, room / lots)
        return sum(rate(g) * g.lots for g in side) / lots, twins if room >= cancelled else 0.0

    def chance(ahead, behind):
        if ahead <= 0:
            return 0.0
        if behind <= 0:
            return 1.0
        rate_ahead, twins_ahead = sums(front, ahead)
        rate_behind, twins_behind = sums(back, behind)
        rate_ahead = 1.0 / (SETTLED_S + YOUNG_S) if rate_ahead is None else rate_ahead
        rate_behind = 1.0 / YOUNG_S if rate_behind is None else rate_behind
        ratio = min(RATIO_MAX, max(1 / RATIO_MAX, rate_behind / rate_ahead))
        several = leave_evenly(ahead, behind, float(cancelled), ratio) / cancelled
        twins = twins_ahead + twins_behind
        if twins == 0:
            return several
        mixed = MIXED_PER_S * min(publish_s, 1.0) * (ahead * rate_ahead + behind * rate_behind) / cancelled
        one = twins / (twins + mixed)
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
