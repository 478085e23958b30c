"""`paper-bitmart replay` from the command line, end to end: files in, files out.

Whom it stands for: a researcher who plays a list of orders against a recorded market and reads what became
of them. Raw: the demo capture as it was recorded, 60 s, which is parsed and checked line by line.
Converted: the same market as events (`paper-bitmart convert`), repeated to an hour or more, so that the
engine is what takes the time. Orders: post-only at the touch and a few ticks from it, on both sides, each
cancelled after 5 s; every fill and order goes through accounts with exact money and into OUT.

Left out: --state (a journal) and latencies. Wall time includes Python's start and the loading of the core.

    python -m benchmarks.replay [--quick] [--capture FILE --symbols FILE --symbol BTC_USDT]
"""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.common import ROOT, print_machine, print_table
from benchmarks.market import DEMO, DEMO_RULES, Market, load_market
from paper_bitmart.feed.event_file import save_events
from paper_bitmart.feed.events import Kind

ORDERS = (0, 1_000, 10_000)
OFFSETS_TICKS = (0, 0, 1, 5, 20)
CANCEL_AFTER_NS = 5_000_000_000
SEED = 7
SUMMARY = re.compile(r"([\d,]+) market events and ([\d,]+) commands in ([\d.]+) s")


class Result(NamedTuple):
    """One run. `wall_s`: of the whole command; `play_s`: of the playing alone, as the command says it."""

    events: int
    wall_s: float
    play_s: float
    peak_bytes: int


def write_orders(path: Path, market: Market, count: int) -> None:
    """`count` orders, evenly over the market's time, at prices near the last print; seeded."""
    trades = market.events[market.events["kind"] == Kind.TRADE]
    times_ns = np.linspace(int(trades["recv_ns"][0]), int(trades["recv_ns"][-1]), max(count, 1) + 1).astype(
        int
    )
    draw = random.Random(SEED)
    rows = []
    for number, ts in enumerate(times_ns[1:].tolist() if count else []):
        last = trades[max(0, int(np.searchsorted(trades["recv_ns"], ts)) - 1)]
        side = "buy" if number % 2 else "sell"
        offset = draw.choice(OFFSETS_TICKS)
        ticks = int(last["price_ticks"]) + (-offset if side == "buy" else offset)
        order = {"account": "a1", "client_order_id": f"x{number}"}
        place = {
            "symbol": market.rules.symbol, "side": side, "type": "limit_maker", "size": "0.001",
            "price": market.rules.format_price(ticks),
        }  # fmt: skip
        rows.append({"ts": ts, "action": "submit"} | order | place)
        rows.append({"ts": ts + CANCEL_AFTER_NS, "action": "cancel"} | order)
    rows.sort(key=lambda row: row["ts"])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def run(capture: Path, symbols: Path, orders: Path, out: Path) -> Result:
    """The command in a process of its own."""
    arguments = ["replay", capture, "--symbols", symbols, "--orders", orders, "--out", out]
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "paper_bitmart", *map(str, arguments)],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    found = SUMMARY.search(said)
    if process.returncode != 0 or found is None:
        raise RuntimeError(f"replay ended with exit code {process.returncode}: {said}")
    # ru_maxrss is in kB on Linux, in bytes on macOS.
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Result(int(found[1].replace(",", "")), taken, float(found[3]), peak)


def measure(
    title: str, capture: Path, symbols: Path, market: Market, counts: tuple[int, ...], rounds: int
) -> None:
    """One table: the same capture with no, some and many orders, run about."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        orders = {count: folder / f"orders_{count}.jsonl" for count in counts}
        for count, path in orders.items():
            write_orders(path, market, count)
        results: dict[int, list[Result]] = {count: [] for count in counts}
        for _ in range(rounds):
            for count, path in orders.items():
                results[count].append(run(capture, symbols, path, folder / "out.jsonl"))
    rows = []
    for count, runs in results.items():
        wall_s = statistics.median(result.wall_s for result in runs)
        # The summary rounds to 10 ms: shorter than that is not known.
        play_s = max(0.01, statistics.median(result.play_s for result in runs))
        rows.append(
            (
                f"{count:,}",
                f"{runs[0].events:,}",
                f"{wall_s:.2f}",
                f"{play_s:.2f}",
                f"{runs[0].events / play_s:,.0f}",
                f"{max(result.peak_bytes for result in runs) / 1e6:.0f}",
            )
        )
    print_table(title, ("orders", "events", "wall s", "playing s", "events/s playing", "peak MB"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the raw capture, few orders: does it run?")
    parser.add_argument("--capture", type=Path, default=DEMO)
    parser.add_argument("--symbols", type=Path, default=DEMO_RULES)
    parser.add_argument("--symbol", default="BTC_USDT")
    parser.add_argument("--events", type=int, default=2_000_000, help="length of the converted market")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print_machine()
    market = load_market(options.capture, options.symbols, options.symbol)
    counts, rounds = ((10,), 1) if options.quick else (ORDERS, options.rounds)
    title = f"Raw capture {options.capture.name}"
    measure(title, options.capture, options.symbols, market, counts, rounds)
    if options.quick:
        return
    long_market = load_market(options.capture, options.symbols, options.symbol, options.events)
    with tempfile.TemporaryDirectory() as name:
        converted = Path(name) / "market.npz"
        save_events(converted, {options.symbol: long_market.events})
        title = f"Converted, {options.symbol}, {long_market.span_s:,.0f} s of market time"
        measure(title, converted, options.symbols, long_market, counts, rounds)


if __name__ == "__main__":
    main()
