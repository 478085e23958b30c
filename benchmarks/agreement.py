"""Where our fills differ from hftbacktest's, by cause: same market, same orders, models as near as they come.

Whom it stands for: somebody who has results of hftbacktest 2.4.4 and wants to know why ours are others.

Each step both sides cancel what rests and send the same post-only orders at the touch, so the orders do not
depend on fills and are compared one by one. Both: LogProb queue over lots, constant 10 ms to the venue and
10 ms back, no fees, partial fills. Each order that ends differently is followed to the first moment at which
the two differ, and the cause is read off there; a queue that differs is followed event by event.

Left out: takers (neither the post-only orders nor the rival's book change when they take), the rival's
no-partial-fill exchange, its other queues.

    python -m benchmarks.agreement [--quick] [--rows FILE.npz] [--keep FILE.npz]
"""

import argparse
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.agreement_queue import (
    AT_ARRIVAL,
    BELOW_ZERO,
    BY_VENUE_TIME,
    FIRST_MESSAGE,
    OLD_PRINT,
    Resting,
    first_difference,
    first_fill_there,
)
from benchmarks.backtest import live_from_start
from benchmarks.common import ROOT, cache_folder, print_machine, print_table
from benchmarks.market import Market, load_market, rival_events
from benchmarks.rivals import rival_python
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.recorder import BY_SYSTEM
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.tape import ArrayTape
from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.exchange.fees import NO_FEES
from paper_bitmart.feed.events import Kind
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import LOG
from paper_bitmart.matching.reports import Evidence

LATENCY_NS = 10_000_000
MS = 1_000_000
SHORT = 0.25
"""The rival's orders are so many lots short: an execution that equals an order's rest stops its run."""
RIVAL_EXPIRED = 2
DRIFT = 50_000
"""The clock offset may rise by 1 ns in so many (docs/matching.md)."""

PRINT_SIZE, SHARED, AGGRESSOR = (
    "size of a print through",
    "own orders share a print",
    "the aggressor meets us",
)
QUOTE_SIZE, POST_ONLY, UNKNOWN = "size of an opposite quote", "post-only", "not explained"
CAUSES = {
    PRINT_SIZE: "a print beyond our price fills us up to its lots, there whole",
    SHARED: "a print's lots are spent once, on the order in front; there each order has them all",
    OLD_PRINT: "the venue's time says that it happened before the order arrived; there it fills",
    AGGRESSOR: "an aggressor on our side who went beyond our price met us first; there it does nothing",
    QUOTE_SIZE: "an opposite quote at or through our price fills us up to its size, there whole",
    AT_ARRIVAL: "ahead is what is displayed less what has printed since; there what is displayed",
    FIRST_MESSAGE: "depth after the arrival describes a time before it, in part; there all of it is behind",
    BELOW_ZERO: "cancels take no more from ahead than is there; there it goes below zero, then to the back",
    BY_VENUE_TIME: "prints are in depth by the venue's time; there when the next change of the level comes",
    POST_ONLY: "a level that has printed is not there to be taken; there it is until depth takes it away",
}


@dataclass(frozen=True, slots=True)
class Load:
    """Orders of `copies` times `size_lots` on each side, sent anew each `step_ms`."""

    symbol: str
    step_ms: int
    copies: int
    size_lots: int

    @property
    def name(self) -> str:
        return f"{self.symbol} {self.copies}x{self.size_lots:,} lots a side each {self.step_ms:,} ms"


LOADS = (
    Load("BTC_USDT", 100, 1, 100), Load("ETH_USDT", 100, 1, 100), Load("BTC_USDT", 1_000, 2, 5_000),
    Load("ETH_USDT", 1_000, 2, 500), Load("BTC_USDT", 5_000, 3, 2_000), Load("ETH_USDT", 5_000, 3, 200),
)  # fmt: skip


class Key(NamedTuple):
    """An order: the how manyeth step, which copy, side (0 buy)."""

    step: int
    copy: int
    side: int


@dataclass(slots=True)
class Seen:
    """What one side did with an order: lots filled by time (ns since the first event)."""

    price_ticks: int
    arrived_ns: int = 0
    is_expired: bool = False
    fills: Counter[int] = field(default_factory=Counter)
    evidence: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))


class Difference(NamedTuple):
    """The first moment at which the two sides differ on an order: lots filled then."""

    key: Key
    at_ns: int
    ours: int
    theirs: int
    cause: str


class Touch(Strategy):
    """Both sides at the touch, cancelled and replaced on time, whatever the market does."""

    def __init__(self, load: Load) -> None:
        self.load = load

    def on_start(self, desk) -> None:
        desk.call_at(desk.now_ns + self.load.step_ms * MS)

    def on_timer(self, desk, tag) -> None:
        symbol, lots = self.load.symbol, self.load.size_lots
        desk.cancel_all(symbol)
        bid, ask = desk.best_bid(symbol), desk.best_ask(symbol)
        for _ in range(self.load.copies):
            desk.buy(symbol, bid, lots, OrderType.LIMIT_MAKER)
            desk.sell(symbol, ask, lots, OrderType.LIMIT_MAKER)
        desk.call_at(desk.now_ns + self.load.step_ms * MS)


def our_orders(load: Load, market: Market) -> dict[Key, Seen]:
    """Run the load here."""
    tape = ArrayTape(market.rules, live_from_start(market.events))
    latency = LatencyProfile.constant(LATENCY_NS, response_ns=LATENCY_NS)
    results = Backtest({load.symbol: tape}, Touch(load), latency=latency, queue_model=LOG, fees=NO_FEES).run()
    if not np.array_equal(results.orders["side"], np.arange(len(results.orders)) % 2):
        raise RuntimeError("an order was refused: orders cannot be told apart by their number")
    seen, by_id = {}, {}
    for number, row in enumerate(results.orders):
        key = Key(1 + number // (2 * load.copies), number // 2 % load.copies, number % 2)
        seen[key] = by_id[int(row["order_id"])] = Seen(
            int(row["price_ticks"]), int(row["created_ns"]) - tape.first_ns, int(row["state"]) == BY_SYSTEM
        )
    for fill in results.fills:
        at_ns, order = int(fill["at_ns"]) - tape.first_ns, by_id[int(fill["order_id"])]
        order.fills[at_ns] += int(fill["size_lots"])
        order.evidence[at_ns].add(Evidence(int(fill["evidence"])).name)
    return seen


def rival_rows(load: Load, market: Market) -> np.ndarray:
    """Run the load there; rows as agreement_side.py documents."""
    folder = cache_folder()
    own = market.events[np.isin(market.events["kind"], (Kind.LEVEL, Kind.TRADE))]
    events = rival_events(market)
    events["px"], events["qty"] = own["price_ticks"], own["size_lots"]
    np.save(folder / "agreement_events.npy", events)
    subprocess.run(
        [rival_python(), "-P", ROOT / "benchmarks" / "agreement_side.py", folder / "agreement_events.npy",
         folder / "agreement_rows.npy", str(load.step_ms * MS), str(LATENCY_NS), str(load.copies),
         str(load.size_lots - SHORT)],
        check=True,
    )  # fmt: skip
    return np.load(folder / "agreement_rows.npy")


def their_orders(load: Load, rows: np.ndarray) -> dict[Key, Seen]:
    """The rival's rows, its orders' missing quarter lot made up for in what filled them."""
    seen: dict[Key, Seen] = {}
    left: dict[Key, float] = {}
    for step, side, copy, price, _, at_ns, status, executed in rows.tolist():
        key = Key(int(step), int(copy), int(side))
        order = seen.setdefault(key, Seen(int(price)))
        order.is_expired = int(status) == RIVAL_EXPIRED
        left[key] = left.get(key, load.size_lots - SHORT) - executed
        if executed:
            order.fills[int(at_ns)] += round(executed + (0 if left[key] else SHORT))
    return seen


def differences(
    load: Load, market: Market, ours: dict[Key, Seen], theirs: dict[Key, Seen]
) -> list[Difference]:
    """Every order that ends differently, with its cause."""
    judge = Judge(load, market, ours)
    found = []
    for key in sorted(ours.keys() & theirs.keys()):
        mine, other = ours[key], theirs[key]
        if mine.price_ticks != other.price_ticks:
            raise RuntimeError(f"{key}: ours at {mine.price_ticks}, theirs at {other.price_ticks}")
        if mine.is_expired != other.is_expired:
            found.append(Difference(key, mine.arrived_ns, 0, 0, POST_ONLY))
        elif mine.fills != other.fills:
            times = [at for at in mine.fills | other.fills if mine.fills[at] != other.fills[at]]
            at_ns = min(times)
            lots = mine.fills[at_ns], other.fills[at_ns]
            found.append(Difference(key, at_ns, *lots, judge.cause(key, at_ns, *lots)))
    return found


def reproduced(load: Load, market: Market, ours: dict[Key, Seen], theirs: dict[Key, Seen]) -> int:
    """Orders whose first fill there comes when our few lines of its rules say: all, or causes are guesses."""
    events, count = live_from_start(market.events), 0
    first_ns = int(events["recv_ns"][0])
    for key, other in theirs.items():
        if key not in ours or other.is_expired:
            count += key in ours
            continue
        arrived_ns = first_ns + ours[key].arrived_ns
        order = Resting(key.side, other.price_ticks, load.size_lots, arrived_ns)
        found_ns = first_fill_there(events, order, arrived_ns + load.step_ms * MS)
        count += (min(other.fills) if other.fills else None) == (found_ns and found_ns - first_ns)
    return count


class Judge:
    """Reads causes off the market at the moment of a difference."""

    def __init__(self, load: Load, market: Market, ours: dict[Key, Seen]) -> None:
        self._load, self._ours = load, ours
        self._events = live_from_start(market.events)
        self._first_ns = int(self._events["recv_ns"][0])
        stamped = self._events[np.isin(self._events["kind"], (Kind.LEVEL, Kind.TRADE))]
        self._stamped_ns, delay = stamped["recv_ns"], stamped["recv_ns"] - stamped["exch_ns"]
        since = self._stamped_ns - self._first_ns
        self._offsets = np.minimum.accumulate(delay - since // DRIFT) + since // DRIFT

    def cause(self, key: Key, at_ns: int, ours: int, theirs: int) -> str:
        order, events = self._ours[key], self._events
        now = events[events["recv_ns"] == self._first_ns + at_ns]
        prints = now[now["kind"] == Kind.TRADE]
        hits = prints[prints["side"] != key.side]
        sign = 1 if key.side == 0 else -1
        through = hits[sign * (order.price_ticks - hits["price_ticks"]) > 0]
        evidence = order.evidence.get(at_ns, set())
        if "OPPOSITE_PRINT" in evidence and ours > theirs:
            return AGGRESSOR
        if "OPPOSITE_QUOTE" in evidence and ours < theirs:
            return QUOTE_SIZE
        if len(through) and ours < theirs:
            if ours == 0 and self._is_older(through, order):
                return OLD_PRINT
            in_front = [self._ours[key._replace(copy=copy)].fills[at_ns] for copy in range(key.copy)]
            return SHARED if any(in_front) else PRINT_SIZE if "PRINT_THROUGH" in evidence else UNKNOWN
        resting = Resting(
            key.side, order.price_ticks, self._load.size_lots, self._first_ns + order.arrived_ns
        )
        queue = first_difference(events, resting, self._first_ns + at_ns)
        if queue is None and key.copy and ours < theirs:
            return SHARED
        return queue or UNKNOWN

    def _is_older(self, prints: np.ndarray, order: Seen) -> bool:
        """Did all of them happen before the order, in whole ms of the venue's clock?"""
        arrived_ns = self._first_ns + order.arrived_ns
        row = int(np.searchsorted(self._stamped_ns, arrived_ns, side="right")) - 1
        venue_ms = (arrived_ns - int(self._offsets[row])) // MS
        return bool((prints["exch_ns"] // MS < venue_ms).all())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the first load only: does it run?")
    parser.add_argument("--rows", type=Path, help="what the rival did, as --keep wrote it; else it is run")
    parser.add_argument("--keep", type=Path, help="write what the rival did here")
    options = parser.parse_args()
    print_machine()
    kept = dict(np.load(options.rows)) if options.rows else {}
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    summary, rows_of = [], {}
    for load in LOADS[:1] if options.quick else LOADS:
        market = load_market(symbol=load.symbol)
        rows_of[load.name] = kept[load.name] if options.rows else rival_rows(load, market)
        ours, theirs = our_orders(load, market), their_orders(load, rows_of[load.name])
        found = differences(load, market, ours, theirs)
        counts.update(one.cause for one in found)
        for one in found:
            examples.setdefault(one.cause, told(load, ours, theirs, one))
        summary.append(
            (*summary_row(load, ours, theirs, found), f"{reproduced(load, market, ours, theirs):,}")
        )
    if options.keep:
        np.savez_compressed(options.keep, **rows_of)
    columns = (
        "orders",
        "compared",
        "filled by both alike",
        "differ",
        "lots here",
        "lots there",
        "rules reproduced",
    )
    print_table("The same orders here and there", columns, summary)
    rows = [(cause, count, CAUSES.get(cause, "")) for cause, count in counts.most_common()]
    print_table("Orders that ended differently, by the first cause", ("cause", "orders", "why"), rows)
    for cause, text in examples.items():
        print(f"- {cause}: {text}")
    if counts[UNKNOWN]:
        sys.exit(f"{counts[UNKNOWN]} differences are not explained")


def summary_row(
    load: Load, ours: dict[Key, Seen], theirs: dict[Key, Seen], found: list[Difference]
) -> tuple[str, ...]:
    both = ours.keys() & theirs.keys()
    alike = sum(1 for key in both if ours[key].fills and ours[key].fills == theirs[key].fills)
    lots = (sum(side[key].fills.total() for key in both) for side in (ours, theirs))
    return load.name, f"{len(both):,}", f"{alike:,}", f"{len(found):,}", *(f"{one:,}" for one in lots)


def told(load: Load, ours: dict[Key, Seen], theirs: dict[Key, Seen], one: Difference) -> str:
    """An example in a line."""
    side = "sell" if one.key.side else "buy"
    here, there = (
        ", ".join(f"{lots:,} at {at_ns / 1e9:.3f} s" for at_ns, lots in sorted(seen[one.key].fills.items()))
        for seen in (ours, theirs)
    )
    order = ours[one.key]
    return (
        f"{load.name}: {side} {load.size_lots:,} at tick {order.price_ticks:,}, there since "
        f"{order.arrived_ns / 1e9:.3f} s. Here {here or 'nothing'}; there {there or 'nothing'}"
    )


if __name__ == "__main__":
    main()
