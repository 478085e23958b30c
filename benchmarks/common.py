"""What all benchmarks share: the order of measuring, medians, and the table that is printed."""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".bench"
"""Things built once for benchmarks: the rival's environment, converted markets. Ignored by git."""


def cache_folder() -> Path:
    """The ignored cache folder, made if need be."""
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    return CACHE


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def interleave(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure A B C, A B C, ...: whatever else the machine does in a round, it does to all sides.

    `sides`: name -> a function that runs the load once and returns its own figure. The first round warms
    caches and compilers and is thrown away.
    """
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            figure = side()
            if number > 0:
                figures[name].append(figure)
    return figures


def medians(figures: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in figures.items()}


def median_ratio(a: Sequence[float], b: Sequence[float]) -> float:
    """Median of a/b over rounds: of figures that were measured next to each other."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile; `share` in 0..1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table, as RESULTS.md keeps it."""
    cells = [[str(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    print(f"\n### {title}\n")
    for number, row in enumerate(cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|", flush=True)
    print(flush=True)


def print_machine() -> None:
    """Where and of what the figures are: without this line they mean nothing."""
    print(
        f"{time.strftime('%Y-%m-%d')}, commit {_commit()}, {os.cpu_count()} cores {_cpu()}, load "
        f"{os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {platform.system()}",
        flush=True,
    )


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
    return names[0] if names else platform.machine()
