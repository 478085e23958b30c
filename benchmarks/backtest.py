"""Backtests: three loads, each compiled, in plain Python and on the connector, beside two other backtesters.

Whom it stands for: a researcher with a maker on a recorded day of a busy pair, 10 ms away from the venue.

- empty: looks at the book each 100 ms. quoting: each 100 ms cancels and replaces one bid and one ask at the
  touch, post-only. grid: five bids and five asks at round prices, those that are still right stay.
- compiled: `FastBacktest`. plain Python: `Backtest`. venue: the same through the venue that also runs live.
  connector: `ConnectorBacktest`, an asyncio program on the connector that also trades live.
- hftbacktest 2.4.4: HashMap and ROIVector back-ends, LogProb queue, partial fills, njit strategies.
- nautilus_trader 1.231.0 (Python 3.12): level 2 deltas and trades, strategies in Python, empty without one.

Speed is events per second of processor time of one core, because the machine is shared. Nobody's includes
loading data, building the run and reports. `first s` is the real time of the first run in its process, with
whatever is compiled or loaded then, and the last column counts all of it in. Left out: hftbacktest keeps no
ledger and remembers no orders. Slow sides play a part of the market: their speed does not depend on its
length, but on the events between two wake-ups, of which this market has 41.

    python -m benchmarks.backtest [--quick] [--no-rival] [--capture FILE --symbols FILE --symbol BTC_USDT]
"""

import argparse
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import numpy as np

from benchmarks import strategies
from benchmarks.common import interleave, median_ratio, medians, print_machine, print_table, seconds
from benchmarks.market import DEMO, DEMO_RULES, Market, load_market
from benchmarks.rivals import BACKENDS, Rival, hftbacktest, nautilus
from benchmarks.strategies import SIZE_LOTS, STEP_NS
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.fast import FastBacktest
from paper_bitmart.backtest.tape import ArrayTape
from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.connector.connector_backtest import ConnectorBacktest
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import LOG

LATENCY_NS = 10_000_000
PART = {"compiled": 1.0, "plain Python": 0.25, "venue": 0.02, "connector": 0.1, "nautilus_trader": 0.02}
"""How much of the market a side plays."""
MONEY = Decimal(10**6)
LOADS = {"empty": "book", "quoting": "quoting", "grid": "grid"}
"""Ours by name, and what it is called on the other sides."""

Run = FastBacktest | Backtest | ConnectorBacktest
Side = Callable[[], float]
"""One run; returns its seconds of processor time per event."""


class Ours:
    """Our ways on one market."""

    def __init__(self, market: Market) -> None:
        self.rules = market.rules
        self.events = live_from_start(market.events)
        self.pair = trading_pair_of(self.rules.symbol)
        self.money = {self.rules.base: MONEY, self.rules.quote: MONEY}
        self.latency = LatencyProfile.constant(LATENCY_NS, response_ns=LATENCY_NS)
        self.fills: dict[str, int] = {}

    def sides(self, load: str) -> dict[str, Side]:
        """By name, the fastest first."""
        compiled, plain, program = self._strategies(load)
        common = {"latency": self.latency, "queue_model": LOG}

        runs: dict[str, Callable[[], Run]] = {
            "compiled": lambda: FastBacktest(
                self._part("compiled"), compiled, np.zeros(1, np.int64), wake_every_ns=STEP_NS,
                entry_ns=LATENCY_NS, response_ns=LATENCY_NS, queue_model=LOG,
            ),
            "plain Python": lambda: Backtest(self._part("plain Python"), plain(), **common),
            "venue": lambda: Backtest(self._part("venue"), plain(), engine="venue", **common),
            "connector": lambda: ConnectorBacktest(
                self._part("connector"), program, balances=self.money, **common
            ),
        }  # fmt: skip
        return {
            name: lambda name=name, made=made: self._cost(name, load, made()) for name, made in runs.items()
        }

    def _strategies(self, load: str) -> tuple[Callable, type, Callable]:
        program = strategies.Program(self.pair, self.rules.size(SIZE_LOTS), self.rules.tick)
        return {
            "empty": (strategies.look, strategies.Look, program.look),
            "quoting": (strategies.quote, strategies.Quote, program.quote),
            "grid": (strategies.grid, strategies.Grid, program.grid),
        }[load]

    def _part(self, name: str) -> dict[str, ArrayTape]:
        return {self.rules.symbol: ArrayTape(self.rules, self.events[: part_of(name, len(self.events))])}

    def _cost(self, name: str, load: str, made: Run) -> float:
        started_s = time.process_time()
        results = made.run()
        taken_s = time.process_time() - started_s
        self.fills[name] = len(results.fills)
        if load != "empty" and not len(results.fills):
            raise RuntimeError(f"{name}: nothing was filled, so nothing was measured")
        if isinstance(made, FastBacktest | Backtest):
            # The rows of results are a report: they are made once more to know what they took.
            started_s = time.process_time()
            made.results()
            taken_s -= time.process_time() - started_s
        return taken_s / results.events


def part_of(name: str, events: int) -> int:
    """How many of the events a side plays; at least one recorded minute, should there be as much."""
    return min(events, max(20_000, int(PART.get(name, 1.0) * events)))


def theirs(rival: Rival, words: list[str], n: int) -> Side:
    return lambda: rival.run(*words, figure="cpu_seconds") / n


def live_from_start(events: np.ndarray) -> np.ndarray:
    """The market with the word that its feed is live, which repeating it in time takes away."""
    end = int(np.flatnonzero(events["kind"] == Kind.SNAPSHOT_END)[0])
    row = np.zeros(1, EVENT_DTYPE)
    row["recv_ns"], row["exch_ns"] = events["recv_ns"][end], events["exch_ns"][end]
    row["kind"], row["size_lots"], row["flags"] = Kind.FEED_STATE, FeedState.LIVE, Flag.LAST
    return np.concatenate([events[: end + 1], row, events[end + 1 :]])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a short market, one round: does it run?")
    parser.add_argument("--no-rival", action="store_true", help="our side only; needs no package index")
    parser.add_argument("--no-nautilus", action="store_true", help="without the one that needs Python 3.12")
    parser.add_argument("--load", choices=LOADS, action="append", help="only this one; may be repeated")
    parser.add_argument("--capture", type=Path, default=DEMO)
    parser.add_argument("--symbols", type=Path, default=DEMO_RULES, help="rules, a symbols/details reply")
    parser.add_argument("--symbol", default="BTC_USDT")
    parser.add_argument("--events", type=int, default=4_000_000, help="repeat the market up to this length")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    # A cancel that loses its race is told by the connector; some do.
    logging.disable(logging.ERROR)
    events_min, rounds = (0, 1) if options.quick else (options.events, options.rounds)
    market = load_market(options.capture, options.symbols, options.symbol, events_min)
    ours, n = Ours(market), len(market.events)
    print_machine()
    print(f"{market.name}, {n:,} events, {market.span_s:,.0f} s", flush=True)
    with ExitStack() as stack:
        rivals: list[tuple[str, Rival, list[str], int]] = []
        if not options.no_rival:
            hft = stack.enter_context(hftbacktest(market, SIZE_LOTS, STEP_NS, LATENCY_NS))
            rivals += [(f"hftbacktest {name}", hft, [name], n) for name in BACKENDS]
        if not options.no_rival and not options.no_nautilus:
            part = market._replace(events=market.events[: part_of("nautilus_trader", n)])
            other = stack.enter_context(nautilus(part, SIZE_LOTS, STEP_NS, LATENCY_NS))
            rivals.append(("nautilus_trader", other, [], len(part.events)))
        for load in options.load or LOADS:
            sides = ours.sides(load)
            for name, rival, words, count in rivals:
                sides[name] = theirs(rival, [*words, LOADS[load]], count)
            show(load, sides, rounds, n)
            print(f"Fills of {load}: " + ", ".join(f"{name} {count:,}" for name, count in ours.fills.items()))
            for name, rival in {name.split()[0]: rival for name, rival, _, _ in rivals}.items():
                print(f"{name}: " + ", ".join(f"{word} {count:,}" for word, count in rival.fills.items()))


def show(load: str, sides: dict[str, Side], rounds: int, n: int) -> None:
    """Speeds of every side, and the compiled one's against each, round by round."""
    firsts = {name: seconds(side) for name, side in sides.items()}
    costs = interleave(sides, rounds)
    rows = [
        (
            name,
            f"{1e-6 / cost:.3f}",
            f"{median_ratio(costs[name], costs['compiled']):.2f}",
            f"{part_of(name, n):,}",
            f"{firsts[name]:.1f}",
            f"{part_of(name, n) / firsts[name] / 1e6:.3f}",
        )
        for name, cost in medians(costs).items()
    ]
    columns = ("side", "M events/s", "compiled against it", "events", "first s", "M events/s of the first")
    print_table(f"{load} each 100 ms", columns, rows)


if __name__ == "__main__":
    main()
