"""Parameter sweeps: a pool of two processes beside a pool of one, everything included.

Whom it stands for: a researcher with a grid of a maker's parameters over recorded days, on two cores.

- plain Python: `sweep` of an event strategy. compiled: `sweep_runs` of a njit strategy, and eight times as
  many cells, because one takes an eighth of the time.
- Timed is the whole sweep: starting the processes, importing, loading what is compiled (each process
  compiles a njit strategy by itself), opening the data, every backtest, its statistics, the table.
- Processor time of the processes tells what two cost more than one, also when the machine does other things;
  two over one would be 2.00 at best on wall time and 1.00 on processor time.

Left out: clusters (their network is theirs), and data that do not fit into the page cache.

    python -m benchmarks.sweep [--quick] [--events 4000000] [--cells 8]
"""

import argparse
import resource
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numba import njit

from benchmarks.backtest import live_from_start
from benchmarks.common import cache_folder, interleave, median_ratio, medians, print_machine, print_table
from benchmarks.market import load_market
from paper_bitmart.backtest import fast_desk
from paper_bitmart.backtest.fast import FastBacktest
from paper_bitmart.backtest.history import HistoryWriter
from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.sweep import SweepTable, sweep, sweep_runs
from paper_bitmart.backtest.sweep_data import opened
from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.matching.latency import LatencyProfile

LATENCY_NS = 10_000_000


class Quote(Strategy):
    """One bid and one ask at the touch, replaced each 100 ms."""

    def __init__(self, lots: int) -> None:
        self.lots = lots

    def on_book(self, desk, symbol) -> None:
        desk.cancel_all(symbol)
        desk.buy(symbol, desk.best_bid(symbol), self.lots, OrderType.LIMIT_MAKER)
        desk.sell(symbol, desk.best_ask(symbol), self.lots, OrderType.LIMIT_MAKER)


@njit
def quote(desk, book, memory):
    fast_desk.cancel_all(desk)
    fast_desk.send(desk, fast_desk.BUY, fast_desk.best_bid(book), memory[0], fast_desk.LIMIT_MAKER)
    fast_desk.send(desk, fast_desk.SELL, fast_desk.best_ask(book), memory[0], fast_desk.LIMIT_MAKER)


def run_compiled(data: str, lots: int) -> Results:
    memory = np.array([lots])
    return FastBacktest(opened(data), quote, memory, entry_ns=LATENCY_NS, response_ns=LATENCY_NS).run()


@dataclass(slots=True)
class Sweep:
    """One side: a load on a pool of `workers`. Calling it gives the seconds of a sweep."""

    load: str
    workers: int
    data: Path
    cells: int
    cpu_s: list[float]
    events: int = 0

    def __call__(self) -> float:
        grid = {"lots": [100 + 10 * number for number in range(self.cells)]}
        started_s, cpu_before_s = time.perf_counter(), children_cpu_s()
        table = self._run(grid)
        taken_s = time.perf_counter() - started_s
        self.cpu_s.append(children_cpu_s() - cpu_before_s)
        if table.failed or len(table.rows()) != self.cells:
            raise RuntimeError(table.failed[0].error if table.failed else "cells are missing")
        return taken_s

    def _run(self, grid: dict[str, list[int]]) -> SweepTable:
        if self.load == "compiled":
            return sweep_runs(partial(run_compiled, str(self.data)), grid, workers=self.workers)
        latency = LatencyProfile.constant(LATENCY_NS, response_ns=LATENCY_NS)
        return sweep(Quote, grid, str(self.data), workers=self.workers, latency=latency)


def children_cpu_s() -> float:
    """Processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def history_of(events_min: int) -> Path:
    """The demo market, repeated, as a history on disk."""
    folder = cache_folder() / f"sweep_{events_min}"
    if not folder.exists():
        market = load_market(events_min=events_min)
        with HistoryWriter(folder, market.rules) as writer:
            writer.write(live_from_start(market.events))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a short market, two cells, plain Python only")
    parser.add_argument("--events", type=int, default=4_000_000, help="repeat the market up to this length")
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    events, cells, rounds = options.events, options.cells, options.rounds
    if options.quick:
        events, cells, rounds = 0, 2, 1
        shutil.rmtree(cache_folder() / "sweep_0", ignore_errors=True)
    data = history_of(events)
    print_machine()
    rows = []
    for load in ("plain Python",) if options.quick else ("plain Python", "compiled"):
        count_of = cells if load == "plain Python" else 8 * cells
        sides = {workers: Sweep(load, workers, data, count_of, []) for workers in (1, 2)}
        taken = interleave({str(workers): side for workers, side in sides.items()}, rounds)
        one_s, two_s = medians(taken).values()
        wall = median_ratio(taken["1"], taken["2"])
        cpu = median_ratio(sides[2].cpu_s[1:], sides[1].cpu_s[1:])
        rows.append((load, count_of, f"{one_s:.1f}", f"{two_s:.1f}", f"{wall:.2f}", f"{cpu:.2f}"))
    columns = (
        "strategy",
        "cells",
        "one process, s",
        "two, s",
        "times as fast",
        "processor time, two over one",
    )
    print_table("A sweep over two processes", columns, rows)


if __name__ == "__main__":
    main()
