"""How likely an order is to be cancelled, by its age and its level's rank, and what 100 ms do not show of it.

Stands for: what anyone can learn about cancels from public feeds, without orders and without truth.
Left out: cancels that no known order explains (a part of an order, or several at once that do not clear their
level; their number is printed), so hazards are somewhat low. What comes to a level at once is taken for one
order.

    python -m benchmarks.cancels CAPTURE... [--symbols FILE] [--every-change]

An order is told by its size: lots that leave a level without a print are one of the known orders of just that
size. Which one is told only by its hazard (cancels per second at its age and rank), and hazards only by the
cancels, so both are found in turns: expectation maximization (Dempster, Laird and Rubin 1977).

Age is the time since an order was first shown. On a 100 ms feed an order is older than that by 50 ms on
average, and one that came and went within a window is never seen: orders younger than a message are missing,
and where levels hold many orders half of the cancels are, too.

--every-change says that every change is a message of its own (the rt feed of benchmarks/fidelity.py): ages
are exact then, and a third table says what windows of 100 ms would have hidden. Prints Markdown.
"""

import argparse
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sortedcontainers import SortedDict

from benchmarks.common import print_table
from paper_bitmart.backtest.tape import open_data
from paper_bitmart.feed.events import ASK, BID, BUY, Flag, Kind

NS = 1_000_000_000
WINDOW_NS = 100_000_000
"""Between two messages of a 100 ms feed. What printed longer ago is in an earlier message."""
AGE_EDGES_NS = (0, *(WINDOW_NS * 2**k for k in range(11)))
"""Where age bins begin; the last one is open."""
BINS = len(AGE_EDGES_NS)
CLASSES = ("touch", "behind")
TOUCH, BEHIND = range(2)
DEEPEST_RANK = 8
"""Of the levels behind that count; the touch is rank 0. Deeper ones are followed only."""
PASSES = 3
"""Of expectation maximization; three more move the fit by less than a step of its grid."""
DOUBTFUL = 0.02
"""An order that stands with less probability is given up."""
STEPS = 16
YOUNG_S = 2.0 ** (np.arange(-10 * STEPS, 5 * STEPS + 1) / STEPS)
STEADY = 2.0 ** (np.arange(-12 * STEPS, 4 * STEPS + 1) / STEPS)
"""Grids of the fit, a factor of 2 in STEPS steps: 0.001 to 32 s, and 0.00024 to 16 per second."""
TINY = 1e-300
SHOWN = ("same", "larger", "smaller")
"""How a level ended a window beside how it began it, prints added back; by sign."""

Place = tuple[int, int]
"""(side, price in ticks); the price is negative for bids, so that the least of a side is its best."""
Classes = Mapping[Place, int]
"""TOUCH or BEHIND of the levels that count."""


class Change(NamedTuple):
    """A level's new size. `before`, `lots`, `printed`: lots; `printed` since the message before.

    is_flow: orders came or left; else the level only came into or left the published part of the book.
    """

    place: Place
    before: int
    lots: int
    printed: int
    is_flow: bool

    @property
    def grown(self) -> int:
        """Lots that came (> 0) or were cancelled (< 0): what prints do not explain."""
        return self.lots - max(0, self.before - self.printed)


class Feed:
    """Depth messages of one symbol with their prints, and the book that they make. `events`: EVENT_DTYPE.

    In the order of the venue's times, not of receipt: a late print belongs to the window it traded in.
    """

    def __init__(self, events: np.ndarray) -> None:
        told = np.isin(events["kind"], (Kind.LEVEL, Kind.DEPTH_MARK, Kind.SNAPSHOT_END, Kind.TRADE))
        self._events = events[told][np.argsort(events["exch_ns"][told], kind="stable")]
        self.sides = (SortedDict(), SortedDict())
        """Lots by price, as in Place."""

    def messages(self) -> Iterator[tuple[int, list[Change]]]:
        """(ns, changes); while one is in hand, `sides` is the book before it, empty before a snapshot."""
        prints: dict[Place, list[tuple[int, int]]] = defaultdict(list)
        rows: list[tuple[Place, int, int]] = []
        names = ("exch_ns", "kind", "side", "price_ticks", "size_lots", "flags")
        for at_ns, kind, side, ticks, lots, flags in zip(
            *(self._events[name].tolist() for name in names), strict=True
        ):
            if kind == Kind.TRADE:
                prints[(ASK, ticks) if side == BUY else (BID, -ticks)].append((at_ns, lots))
                continue
            if kind == Kind.LEVEL:
                rows.append(((side, -ticks if side == BID else ticks), lots, flags))
            if not flags & Flag.LAST:
                continue
            if flags & Flag.SNAPSHOT:
                self.sides = (SortedDict(), SortedDict())
            changes = []
            for place, size, of_level in rows:
                hits = prints.pop(place, ())
                printed = sum(hit_lots for hit_ns, hit_lots in hits if at_ns - hit_ns <= WINDOW_NS)
                is_flow = not of_level & (Flag.LEFT_WINDOW | Flag.ENTERED_WINDOW | Flag.SNAPSHOT)
                before = self.sides[place[0]].get(place[1], 0)
                changes.append(Change(place, before, size, printed, is_flow))
            yield at_ns, changes
            for (side_of, price), size, _ in rows:
                if size:
                    self.sides[side_of][price] = size
                else:
                    self.sides[side_of].pop(price, None)
            rows.clear()

    def classes(self) -> Classes:
        return {
            (side, price): BEHIND if rank else TOUCH
            for side, levels in enumerate(self.sides)
            for rank, price in enumerate(islice(levels, DEEPEST_RANK + 1))
        }


@dataclass(slots=True)
class Order:
    """What came to a level at once. `stands`: the probability that it was not cancelled yet.

    born_ns None: lots of unknown age and number of orders, as of a snapshot.
    """

    lots: int
    born_ns: int | None
    stands: float = 1.0


class Census:
    """One pass over a feed: cancels and exposure by class and age bin, (2, BINS) each.

    Args:
        hazards: (2, BINS) per second; they say which order of a size is the likelier to have left.
        late_ns: how late a message tells of a cancel, on average.
    """

    def __init__(self, feed: Feed, hazards: np.ndarray, late_ns: int) -> None:
        self.cancels, self.exposure_s = np.zeros((2, BINS)), np.zeros((2, BINS))
        self.age_sums = np.zeros((2, BINS))
        """Exposure times age, s^2."""
        self.unexplained = 0
        self._hazards, self._late_ns = hazards.tolist(), late_ns
        self._queues: dict[Place, list[Order]] = {}
        self._classes: Classes = {}
        self._counted_ns: dict[Place, int] = {}
        """Until when the exposure of a level that has a class is counted."""
        last_ns = 0
        for at_ns, changes in feed.messages():
            self._class_levels(feed.classes(), last_ns)
            for change in changes:
                self._expose(change.place, at_ns)
                self._take(change, self._classes.get(change.place), at_ns)
            last_ns = at_ns
        self._class_levels({}, last_ns)

    def _class_levels(self, classes: Classes, at_ns: int) -> None:
        """The levels are of these classes from now on."""
        for place, which in self._classes.items():
            if classes.get(place) != which:
                self._expose(place, at_ns)
        self._counted_ns.update((place, at_ns) for place in classes if place not in self._classes)
        self._classes = classes

    def _expose(self, place: Place, end_ns: int) -> None:
        """A level's known orders stood until now, each in the age bins that it crossed."""
        if (which := self._classes.get(place)) is None:
            return
        start_ns, self._counted_ns[place] = self._counted_ns[place], end_ns
        for order in self._queues.get(place, ()):
            if order.born_ns is None:
                continue
            age_ns, last_ns = max(0, start_ns - order.born_ns), end_ns - order.born_ns
            at = _bin(age_ns)
            while age_ns < last_ns:
                until_ns = min(last_ns, AGE_EDGES_NS[at + 1]) if at + 1 < BINS else last_ns
                exposure_s = (until_ns - age_ns) / NS * order.stands
                self.exposure_s[which, at] += exposure_s
                self.age_sums[which, at] += exposure_s * (age_ns + until_ns) / 2 / NS
                age_ns, at = until_ns, at + 1

    def _take(self, change: Change, which: int | None, at_ns: int) -> None:
        """Prints first, from the front; then what came or was cancelled."""
        queue = self._queues.setdefault(change.place, [])
        if not change.is_flow:
            queue[:] = [Order(change.lots, None)] if change.lots else []
            return
        if change.printed >= change.before:
            queue.clear()
        _trade(queue, change.printed)
        if change.grown > 0:
            queue.append(Order(change.grown, at_ns))
        elif change.lots == 0:
            for order in queue:
                self._leave(order, order.stands, which, at_ns)
            queue.clear()
        elif change.grown < 0:
            self._cancel(queue, -change.grown, which, at_ns)

    def _cancel(self, queue: list[Order], lots: int, which: int | None, at_ns: int) -> None:
        """Lots left a level: shared out over the orders that they may have been, by their hazards."""
        weighted = [(self._weight(order, lots, which, at_ns), order) for order in queue]
        likely = [(weight, order) for weight, order in weighted if weight > 0]
        if not likely:
            self.unexplained += which is not None
            _shrink(queue, lots)
        # No order leaves more than it stood: what is too much for one is the others'.
        likely.sort(key=lambda pair: pair[1].stands / pair[0])
        rest = 1.0
        for at, (weight, order) in enumerate(likely):
            share = min(order.stands, rest * weight / sum(other for other, _ in likely[at:]))
            rest -= share
            if order.born_ns is None:
                order.lots -= round(lots * share)
            else:
                self._leave(order, share, which, at_ns)
        queue[:] = [order for order in queue if order.lots > 0 and order.stands > DOUBTFUL]

    def _weight(self, order: Order, lots: int, which: int | None, at_ns: int) -> float:
        """How likely it is this order, up to a factor."""
        row = self._hazards[BEHIND if which is None else which]
        if order.born_ns is None:
            # There may be one order of this size among them, and it is old.
            return row[-1] if order.lots >= lots else 0.0
        return order.stands * row[self._bin_of(order.born_ns, at_ns)] if order.lots == lots else 0.0

    def _leave(self, order: Order, probability: float, which: int | None, at_ns: int) -> None:
        order.stands -= probability
        if which is not None and order.born_ns is not None:
            self.cancels[which, self._bin_of(order.born_ns, at_ns)] += probability

    def _bin_of(self, born_ns: int, at_ns: int) -> int:
        return _bin(max(0, at_ns - born_ns - self._late_ns))


def _bin(age_ns: int) -> int:
    return bisect_right(AGE_EDGES_NS, age_ns) - 1


def _trade(queue: list[Order], lots: int) -> None:
    """A print takes from the front; of an order that may have left, what it is expected to hold."""
    left: float = lots
    while queue and left > 0:
        expected = queue[0].lots * queue[0].stands
        if expected > left:
            queue[0].lots -= int(left)
            return
        left -= expected
        queue.pop(0)


def _shrink(queue: list[Order], lots: int) -> None:
    """No order has this size: part of the newest larger one, else several from the back."""
    for order in reversed(queue):
        if order.lots > lots:
            order.lots -= lots
            return
    for order in reversed(queue):
        took = min(lots, order.lots)
        order.lots, lots = order.lots - took, lots - took


def census(events: np.ndarray, *, every_change: bool) -> Census:
    """Cancels and exposure of one symbol, the last of PASSES. `events`: (n,) EVENT_DTYPE."""
    # The first guess is of the usual form; half a cancel of it keeps empty bins from being impossible.
    guess = np.tile(0.4 / (np.array(AGE_EDGES_NS) / NS * 1.4 + 0.3), (2, 1))
    hazards = guess
    for _ in range(PASSES):
        found = Census(Feed(events), hazards, 0 if every_change else WINDOW_NS // 2)
        hazards = (found.cancels + 0.5) / (found.exposure_s + 0.5 / guess)
    return found


class Fit(NamedTuple):
    """The likeliest hazard = c * (1 / (age + young_s) + steady * [at the touch]), ages in seconds.

    c has no unit, steady is per second. drops: how much less the log-likelihood is with half and double
    young_s, half and double steady, all else fitted anew (nan: outside the grid); 2 is about one in twenty.
    misfit: deviance by degree of freedom; about 1 if this were the law, more for what it does not describe.
    """

    c: float
    young_s: float
    steady: float
    cancels: float
    drops: tuple[float, ...]
    misfit: float


def fit(found: Census) -> Fit:
    """Cancels of a bin are Poisson with mean hazard(mean age) * exposure; the best c is in closed form."""
    stood = found.exposure_s > 0
    cancels, exposure_s = found.cancels[stood], found.exposure_s[stood]
    ages_s, at_touch = found.age_sums[stood] / exposure_s, np.nonzero(stood)[0] == TOUCH
    shape = 1 / (ages_s + YOUNG_S[:, None, None]) + STEADY[:, None] * at_touch
    c = cancels.sum() / (shape * exposure_s).sum(-1)
    # The means add up to the cancels whatever the shape is, so they are no part of the comparison.
    likelihood = (cancels * np.log(c[..., None] * shape)).sum(-1)
    young, steady = np.unravel_index(likelihood.argmax(), likelihood.shape)
    drops = tuple(
        float(likelihood.max() - line[at + step]) if 0 <= at + step < len(line) else float("nan")
        for line, at in ((likelihood.max(1), young), (likelihood.max(0), steady))
        for step in (-STEPS, STEPS)
    )
    saturated = (cancels * np.log(np.maximum(cancels, TINY) / exposure_s)).sum()
    misfit = 2 * (saturated - likelihood.max()) / max(1, len(cancels) - 3)
    best_c, total = float(c[young, steady]), float(cancels.sum())
    return Fit(best_c, float(YOUNG_S[young]), float(STEADY[steady]), total, drops, float(misfit))


Hidden = dict[tuple[int, str, bool], np.ndarray]
"""By class at the window's begin, one of SHOWN, and whether it traded: windows; those with a change; those in
which an order that stood at the begin left unseen; cancelled lots of such orders; unseen ones of these."""


def hidden(events: np.ndarray) -> Hidden:
    """What windows of 100 ms hide of a feed of every change, at levels that stood throughout a window."""
    feed, window = Feed(events), 0
    classes: Classes = {}
    changes: dict[Place, list[Change]] = defaultdict(list)
    by_kind: Hidden = defaultdict(lambda: np.zeros(5, np.int64))
    for at_ns, news in feed.messages():
        if at_ns // WINDOW_NS != window:
            for place, which in classes.items():
                _judge(by_kind, which, changes[place])
            classes, skipped = feed.classes(), at_ns // WINDOW_NS - window - 1
            for which in classes.values():
                by_kind[which, "same", False][0] += skipped  # nothing happened in them
            window += skipped + 1
            changes.clear()
        for change in news:
            changes[change.place].append(change)
    return by_kind


def _judge(by_kind: Hidden, which: int, changes: Sequence[Change]) -> None:
    """One level and window."""
    if not changes:
        by_kind[which, "same", False][0] += 1
    elif changes[-1].lots and all(change.is_flow for change in changes):
        printed = sum(change.printed for change in changes)
        grown = changes[-1].lots - (changes[0].before - printed)
        cancelled = _cancelled_of_old(changes)
        unseen = max(0, cancelled - max(0, -grown))
        by_kind[which, SHOWN[int(np.sign(grown))], printed > 0] += (1, 1, unseen > 0, cancelled, unseen)


def _cancelled_of_old(changes: Iterable[Change]) -> int:
    """Cancelled lots of orders from before these changes.

    A cancel of the size of an order that came within is taken for that order's: the least it can be.
    """
    fresh: Counter[int] = Counter()
    lots = 0
    for change in changes:
        if change.grown > 0:
            fresh[change.grown] += 1
        elif fresh[-change.grown] > 0:
            fresh[-change.grown] -= 1
        else:
            lots -= change.grown
    return lots


def print_census(name: str, found: Census) -> None:
    edges = [f"{edge / NS:g}" for edge in AGE_EDGES_NS]
    ages = [*(f"{start}-{end}" for start, end in pairwise(edges)), f"over {edges[-1]}"]
    with np.errstate(invalid="ignore", divide="ignore"):
        hazards = found.cancels / found.exposure_s
    parts = (
        (f"{n:.0f}", f"{hazard:.4f}") for n, hazard in zip(found.cancels.T.flat, hazards.T.flat, strict=True)
    )
    rows = [(age, *next(parts), *next(parts)) for age in ages]
    columns = (f"{name}: {what}" for name in CLASSES for what in ("cancels", "per second"))
    print_table(f"{name}: cancels by age", ("age, s", *columns), rows)
    share = found.unexplained / max(1.0, found.unexplained + found.cancels.sum())
    print(f"Behind: ranks 1 to {DEEPEST_RANK}. {found.unexplained} more ({share:.0%}) are of no known order.")


def print_fit(name: str, best: Fit) -> None:
    grids = ((best.young_s, YOUNG_S), (best.steady, STEADY))
    found = (f"{value:.4f}{' (end of grid)' * (value in grid[[0, -1]])}" for value, grid in grids)
    drops = (f"{drop:.1f}" for drop in best.drops)
    columns = ("c", "young_s", "steady", "cancels", "drop: young_s / 2", "* 2", "steady / 2", "* 2", "misfit")
    row = (f"{best.c:.3f}", *found, f"{best.cancels:.0f}", *drops, f"{best.misfit:.1f}")
    print_table(f"{name}: c * (1 / (age + young_s) + steady * [touch]) per second", columns, [row])


def print_hidden(name: str, by_kind: Hidden) -> None:
    columns = ("level", "shown", "windows", "with a change", "hide a cancel", "lots cancelled", "unseen")
    rows = []
    for (which, shown, traded), (windows, changed, hiding, lots, unseen) in sorted(by_kind.items()):
        what = f"{shown}, {'prints' if traded else 'no prints'}"
        shares = (f"{hiding / max(1, windows):.2%}", lots, f"{unseen / max(1, lots):.1%}")
        rows.append((CLASSES[which], what, windows, changed, *shares))
    print_table(f"{name}: cancels that 100 ms hide", columns, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--symbols", type=Path, help="ticks and lots; else symbols.json beside each capture")
    parser.add_argument("--every-change", action="store_true", help="each change is a message of its own")
    options = parser.parse_args(arguments)
    fits = []
    for capture in options.captures:
        for symbol, tape in open_data(capture, options.symbols).items():
            name = f"{symbol} of {capture.parent.name}/{capture.name}"
            events = np.concatenate(list(tape.chunks()))
            found = census(events, every_change=options.every_change)
            fits.append(fit(found))
            print_census(name, found)
            print_fit(name, fits[-1])
            if options.every_change:
                print_hidden(name, hidden(events))
    young_s, steady = np.exp(np.log([(best.young_s, best.steady) for best in fits]).mean(0))
    print(f"Geometric means of {len(fits)}: young_s {young_s:.3f}, steady {steady:.4f}")


if __name__ == "__main__":
    main()
