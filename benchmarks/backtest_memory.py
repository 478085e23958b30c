"""Memory of a backtest by the length of its data: it must not grow.

Whom it stands for: a researcher whose recorded months are larger than the machine's memory. A strategy that
only looks each 100 ms plays histories of 2 and 8 million events, each in a process of its own; orders and
fills, which a run keeps, are none.

- private: what the process holds for itself. mapped: pages of files; those of a plain history stay until
  the system wants them back, those of a packed one are never mapped.

    python -m benchmarks.backtest_memory [--quick]
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.backtest import live_from_start
from benchmarks.common import cache_folder, print_machine, print_table
from benchmarks.market import load_market
from benchmarks.strategies import Look
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.history import HistoryWriter

LENGTHS = (2_000_000, 8_000_000)


def history(events_min: int, packed: bool) -> Path:
    """The demo market, repeated, as a history on disk."""
    folder = cache_folder() / f"memory_{events_min}_{'packed' if packed else 'plain'}"
    if not folder.exists():
        market = load_market(events_min=events_min)
        with HistoryWriter(folder, market.rules, packed=packed) as writer:
            writer.write(live_from_start(market.events))
    return folder


def play(folder: str) -> None:
    """Run in a process of its own: play, then print events and this process's memory."""
    results = Backtest(folder, Look()).run()
    status = Path("/proc/self/status").read_text()
    private, mapped = (int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) for name in ("RssAnon", "RssFile"))
    print(results.events, private // 1000, mapped // 1000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="short histories: does it run?")
    parser.add_argument("--play", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        play(options.play)
        return
    print_machine()
    rows = []
    for packed in (False, True):
        for events in (25_000, 50_000) if options.quick else LENGTHS:
            command = [sys.executable, "-m", "benchmarks.backtest_memory", "--play", history(events, packed)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            played, private, mapped = map(int, done.stdout.split())
            rows.append(("packed" if packed else "plain", f"{played:,}", private, mapped))
    print_table("Memory by the length of the data", ("history", "events", "private MB", "mapped MB"), rows)


if __name__ == "__main__":
    main()
