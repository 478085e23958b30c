"""Every benchmark runs, in its shortest form, and prints its tables; what they measure is not judged here."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.market import load_market, rival_events, tile
from paper_bitmart.feed.events import Kind
from paper_bitmart.feed.playback import book_after

ROOT = Path(__file__).parents[1]
TABLES = {
    "core --no-rival": ("Own orders resting", "Quoting both sides", "Book only"),
    "sweep": ("A sweep over two processes",),
    "backtest_memory": ("Memory by the length of the data",),
    "backtest --no-rival": ("empty each", "quoting each", "grid each"),
    "wakeup": ("A wake-up of quoting", "A wake-up of grid", "Single steps"),
    "replay": ("Raw capture",),
    "startup": ("Seconds to the first output",),
    "memory": ("Memory of one more", "A long replay"),
    "capacity --no-rival": (
        "Memory of a symbol",
        "Messages of ten levels",
        "Added latency",
        "40 symbols, 1 min",
    ),
    "server": ("Signed submit and cancel", "Websocket subscribers"),
}


@pytest.mark.parametrize("command", TABLES)
def test_a_benchmark_runs_quickly_and_prints_its_tables(command):
    name, *options = command.split()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--quick", *options],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    titles = [line.removeprefix("### ") for line in done.stdout.splitlines() if line.startswith("### ")]
    assert len(titles) == len(TABLES[command])
    for title, expected in zip(titles, TABLES[command], strict=True):
        assert title.startswith(expected)


@pytest.fixture(scope="module")
def market():
    return load_market()


def test_a_tiled_market_returns_to_its_first_book_at_every_joint(market):
    snapshot_size = int(np.flatnonzero(market.events["kind"] == Kind.SNAPSHOT_END)[0]) + 1
    lap = len(market.events) - snapshot_size
    tiled = tile(market.events, snapshot_size + 3 * lap)
    assert len(tiled) == snapshot_size + 3 * lap
    assert (np.diff(tiled["recv_ns"]) >= 0).all()
    first = levels_of(tiled[:snapshot_size])
    assert [levels_of(tiled[: snapshot_size + laps * lap]) for laps in (1, 2, 3)] == [first] * 3


def levels_of(events):
    return {tuple(row) for row in book_after(events)[["side", "price_ticks", "size_lots"]].tolist() if row[2]}


def test_the_rival_gets_every_level_and_print_at_the_same_price_and_size(market):
    rows = rival_events(market)
    events = market.events[np.isin(market.events["kind"], (Kind.LEVEL, Kind.TRADE))]
    assert len(rows) == len(events)
    assert (np.rint(rows["px"] / 0.01).astype(int) == events["price_ticks"]).all()
    assert (np.rint(rows["qty"] / 0.00001).astype(int) == events["size_lots"]).all()
    assert ((rows["ev"] & 0xFF == 2) == (events["kind"] == Kind.TRADE)).all()
    assert ((rows["ev"] & np.uint64(1 << 29) > 0) == (events["side"] == 0)).all()
