"""Live capacity: from a raw websocket frame to the applied book and to the engine, on one core.

Whom it stands for: somebody who follows all of BitMart's symbols and trades some. Each symbol pushes
`increase100` every 100 ms, ten changed levels each, deflated (`increments.py`).

- book: `BitmartSession.receive`, all of a frame's way: inflate, read, version, book, window flags, events.
- engine: the same, and a turn of the `Wheel` (inbox, matcher, public view) after each message or every 100.
  No own orders: a matcher that has none takes its events in batches of 512 (docs/decisions/0031).
- ccxt pro's BitMart client: `Client.handle_message` (inflate, orjson) to `bitmart.handle_order_book`. It
  checks no version and no crossing.
- Hummingbot's data source and order book: see `hummingbot_books.py`. Its BitMart connector takes whole books
  (depth50), so the row of diffs is what it would do with these messages. The environment of the tests
  compiles its Cython modules without the C compiler's optimizations.

Figures are messages per second of processor time: the machine is shared. Left out: the socket itself, trades,
recording, subscribers. The added latency is from the frame in hand to the book applied and the events taken;
in a burst all symbols' frames are there at once, and the last one waits for the others.

    python -m benchmarks.capacity [--quick] [--only speed|latency|memory|growth] [--rounds 5] [--minutes 10]
"""

import argparse
import asyncio
import gc
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.common import (
    ROOT,
    interleave,
    median_ratio,
    medians,
    percentile,
    print_machine,
    print_table,
)
from benchmarks.increments import (
    MS_PER_ROUND,
    START_MS,
    EndlessFeed,
    Load,
    make_load,
    real_sizes,
    rules_of,
    symbol_names,
)
from benchmarks.processes import resident_bytes
from paper_bitmart.bitmart.frames import inflate
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.exchange.wheel import Wheel
from paper_bitmart.feed.live.bitmart_session import BitmartSession
from paper_bitmart.feed.warmup import warm_up as warm_up_mirror
from paper_bitmart.matching.warmup import warm_up

START_NS, ROUND_NS = START_MS * 10**6, MS_PER_ROUND * 10**6
PER_CONNECTION = 38
"""Symbols with three topics each on one connection (protocol reference 6.2)."""
PER_TURN = 100
TARGET = 50_000
HUMMINGBOT = ROOT / ".clients" / "hummingbot" / "bin" / "python"
BOOK, ENGINE, ENGINE_EACH = "book", f"engine, a turn per {PER_TURN} messages", "engine, a turn per message"
INFLATE = "inflating alone"
Side = Callable[[], float]


class Market:
    """Sessions of 38 symbols each and, if wanted, the wheel behind them; symbols go by their numbers."""

    def __init__(self, symbols: list[str], *, with_engine: bool) -> None:
        rules = {symbol: rules_of(symbol) for symbol in symbols}
        self.sessions = [
            BitmartSession(
                {symbol: rules[symbol] for symbol in symbols[start : start + PER_CONNECTION]},
                rng=random.Random(1),
            )
            for start in range(0, len(symbols), PER_CONNECTION)
        ]  # fmt: skip
        self.wheel = Wheel(Venue(rules)) if with_engine else None
        for session in self.sessions:
            session.opened(START_NS)
            session.take_frames(START_NS)

    def take(self, number: int, frame: bytes, at_ns: int) -> None:
        """A frame for the symbol of this number, up to the applied book; its events go to the inbox."""
        session = self.sessions[number // PER_CONNECTION]
        session.receive(frame, at_ns)
        for symbol, events in session.take_events():
            if self.wheel is not None:
                self.wheel.inbox.put(symbol, events)

    def turn(self, at_ns: int) -> None:
        assert self.wheel is not None
        while self.wheel.turn(at_ns):
            pass

    def begin(self, snapshots: list[bytes]) -> None:
        for number, frame in enumerate(snapshots):
            self.take(number, frame, START_NS)
        if self.wheel is not None:
            self.turn(START_NS)

    def check(self, updates: int) -> None:
        """Nothing was lost on the way, or the figures mean nothing."""
        mirrors = [mirror for session in self.sessions for mirror in session.mirrors.values()]
        assert sum(len(session.live) for session in self.sessions) == len(mirrors)
        assert sum(mirror.counters.updates for mirror in mirrors) == updates
        if self.wheel is not None:
            assert all(self.wheel.views[mirror.symbol].bids == mirror.bids for mirror in mirrors), (
                "the public view is another book"
            )


# --- speed ---


def our_side(load: Load, per_turn: int | None) -> Side:
    """Messages per second of processor time; `per_turn` None stops at the book."""

    def run() -> float:
        market = Market(load.symbols, with_engine=per_turn is not None)
        market.begin(load.snapshots)
        count, gap_ns = len(load.symbols), ROUND_NS // len(load.symbols)
        gc.collect()
        start_s = time.process_time()
        at_ns = START_NS
        for i, frame in enumerate(load.updates):
            at_ns += gap_ns
            market.take(i % count, frame, at_ns)
            if per_turn is not None and i % per_turn == per_turn - 1:
                market.turn(at_ns)
        if per_turn is not None:
            market.turn(at_ns)
        seconds = time.process_time() - start_s
        market.check(len(load.updates))
        return len(load.updates) / seconds

    return run


def inflate_side(load: Load) -> Side:
    def run() -> float:
        start_s = time.process_time()
        for frame in load.updates:
            inflate(frame)
        return len(load.updates) / (time.process_time() - start_s)

    return run


def ccxt_side(load: Load) -> tuple[str, Side] | str:
    """Its name and its load, or why there is none."""
    try:
        import ccxt.pro
        from aiohttp import WSMessage, WSMsgType
    except ImportError as error:
        return f"ccxt pro is left out: {error}; pip install -e '.[clients]'"
    if not hasattr(ccxt.pro, "bitmart"):
        return f"ccxt pro {ccxt.pro.__version__} is left out: it has no BitMart; 4.5.70 has"

    async def follow() -> float:
        exchange = ccxt.pro.bitmart()
        markets = [
            exchange.safe_market_structure({
                "id": symbol, "symbol": symbol.replace("_", "/"), "base": symbol.partition("_")[0],
                "quote": "USDT", "spot": True, "type": "spot",
            })
            for symbol in load.symbols
        ]  # fmt: skip
        exchange.set_markets(markets)
        client = exchange.client(exchange.urls["api"]["ws"]["spot"]["public"])
        for frame in load.snapshots:
            client.handle_message(WSMessage(WSMsgType.BINARY, frame, None))
        start_s = time.process_time()
        for frame in load.updates:
            client.handle_message(WSMessage(WSMsgType.BINARY, frame, None))
        seconds = time.process_time() - start_s
        assert len(exchange.orderbooks) == len(load.symbols)
        assert all(len(book["bids"]) >= 50 for book in exchange.orderbooks.values())
        await exchange.close()
        return len(load.updates) / seconds

    return f"ccxt pro {ccxt.pro.__version__}", lambda: asyncio.run(follow())


class Hummingbot:
    """Its process; raises OSError when it is not there."""

    def __init__(self, load: Load, folder: Path, running: ExitStack) -> None:
        paths = [folder / name for name in ("snapshots", "updates", "depth50")]
        for path, frames in zip(paths, (load.snapshots, load.updates, load.depth50), strict=True):
            path.write_bytes(b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames))
        self._process = running.enter_context(
            subprocess.Popen(
                [HUMMINGBOT, ROOT / "benchmarks" / "hummingbot_books.py", *paths],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
            )
        )  # fmt: skip
        # Whatever it prints of its own comes before.
        while (line := self._read()) != "ready\n":
            if not line:
                raise OSError("its process ended at once")

    def side(self, load: str) -> Side:
        def run() -> float:
            assert self._process.stdin is not None
            self._process.stdin.write(load + "\n")
            self._process.stdin.flush()
            done = json.loads(self._read())
            return float(done["messages"] / done["seconds"])

        return run

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def measure_speed(load: Load, rounds: int, *, with_rivals: bool) -> None:
    sides: dict[str, Side] = {
        BOOK: our_side(load, None),
        ENGINE: our_side(load, PER_TURN),
        ENGINE_EACH: our_side(load, 1),
        INFLATE: inflate_side(load),
    }
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        if with_rivals:
            _add_rivals(sides, load, Path(folder), running)
        figures = interleave(sides, rounds)
    middle = medians(figures)
    print_table(
        f"Messages of ten levels, {len(load.symbols)} symbols, per second of processor time",
        ("side", "messages/s", "us each", "engine's speed against it", f"{TARGET:,}"),
        [
            (
                name,
                f"{middle[name]:,.0f}",
                f"{1e6 / middle[name]:.1f}",
                f"{median_ratio(figures[ENGINE], figures[name]):.2f}",
                "met" if middle[name] >= TARGET else "missed",
            )
            for name in sides
        ],
    )


def _add_rivals(sides: dict[str, Side], load: Load, folder: Path, running: ExitStack) -> None:
    ccxt = ccxt_side(load)
    if isinstance(ccxt, str):
        print(ccxt)
    else:
        sides[ccxt[0]] = ccxt[1]
    if not HUMMINGBOT.exists():
        print("Hummingbot is left out: the tests in tests/clients install it, and did not run here")
        return
    try:
        hummingbot = Hummingbot(load, folder, running)
    except OSError as error:
        print(f"Hummingbot is left out: {error}")
        return
    sides["Hummingbot 20260922, these messages as diffs"] = hummingbot.side("increments")
    sides["Hummingbot 20260922, depth50 of the same market"] = hummingbot.side("depth50")


# --- latency ---


def measure_latency(load: Load, burst: Load) -> None:
    one = Market(load.symbols, with_engine=False)
    one.begin(load.snapshots)
    singles_us = []
    for i, frame in enumerate(load.updates):
        start_ns = time.perf_counter_ns()
        one.take(i % len(load.symbols), frame, START_NS + i)
        singles_us.append((time.perf_counter_ns() - start_ns) / 1e3)
    many = Market(burst.symbols, with_engine=False)
    many.begin(burst.snapshots)
    waits_us: list[float] = []
    size = len(burst.symbols)
    for first in range(0, len(burst.updates), size):
        start_ns = time.perf_counter_ns()
        for number, frame in enumerate(burst.updates[first : first + size]):
            many.take(number, frame, START_NS + first)
            waits_us.append((time.perf_counter_ns() - start_ns) / 1e3)
    rows = [("one at a time", singles_us), (f"{size:,} symbols at once", waits_us)]
    print_table(
        "Added latency, frame in hand to book applied, us",
        ("frames come", "p50", "p99", "p99.9", "largest"),
        [
            (name, *(f"{percentile(values, share):,.0f}" for share in (0.5, 0.99, 0.999, 1)))
            for name, values in rows
        ],
    )  # fmt: skip


# --- memory ---


def measure_memory(load: Load) -> None:
    rows = []
    for what, with_engine in (("mirror and session", False), ("mirror, matcher and public view", True)):
        gc.collect()
        before = resident_bytes()
        market = Market(load.symbols, with_engine=with_engine)
        market.begin(load.snapshots)
        for i, frame in enumerate(load.updates):
            market.take(i % len(load.symbols), frame, START_NS + i)
        if with_engine:
            market.turn(START_NS + len(load.updates))
        gc.collect()
        rows.append((what, f"{(resident_bytes() - before) / len(load.symbols) / 1e3:,.0f}"))
        market.check(len(load.updates))
    print_table(f"Memory of a symbol, of {len(load.symbols):,}", ("of what", "kB each"), rows)


# --- growth ---


def measure_growth(count: int, minutes: int) -> None:
    """Market time as fast as it goes; requests are answered when a feed is at its first book again."""
    symbols, sizes = symbol_names(count), real_sizes()
    feeds = [EndlessFeed(symbol, 1, sizes, rounds=20) for symbol in symbols]
    market = Market(symbols, with_engine=True)
    market.begin([feed.snapshot() for feed in feeds])
    asked: set[str] = set()
    rows, at_ns, started_s, done, resident = [], START_NS, time.perf_counter(), 0, []
    for number in range(minutes * 60_000 // MS_PER_ROUND):
        for i, feed in enumerate(feeds):
            at_ns += ROUND_NS // count
            market.take(i, feed.next(), at_ns)
            if i % PER_TURN == PER_TURN - 1:
                market.turn(at_ns)
        market.turn(at_ns)
        done += count
        for session in market.sessions:
            session.tick(at_ns)
            for text in session.take_frames(at_ns):
                message = json.loads(text)
                asked.update(message["args"] if message["op"] == "request" else [])
        if asked and feeds[0].is_at_first_book:
            for i, feed in enumerate(feeds):
                if f"spot/depth/increase100:{symbols[i]}" in asked:
                    market.take(i, feed.snapshot(), at_ns)
            asked.clear()
        if (number + 1) * MS_PER_ROUND % 60_000 == 0:
            gc.collect()
            elapsed_s = time.perf_counter() - started_s
            resident.append(resident_bytes() / 1e6)
            rows.append((len(rows) + 1, f"{done:,}", f"{resident[-1]:,.1f}", f"{elapsed_s:,.0f}"))
    market.check(done)
    counters = [one for session in market.sessions for one in session.counters.values()]
    print_table(
        f"{count:,} symbols, {minutes} minutes of market time",
        ("market minutes", "messages", "resident MB", "real s"),
        rows,
    )
    print(
        f"grown after the first minute: {resident[-1] - resident[0]:+.1f} MB; audits: "
        f"{sum(one.audits for one in counters):,}, levels that differed: "
        f"{sum(one.audit_differences for one in counters)}; all symbols live at the end"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="the shortest form: does it run?")
    parser.add_argument("--only", choices=("speed", "latency", "memory", "growth"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--minutes", type=int, default=10, help="of market time, for growth")
    parser.add_argument("--no-rival", action="store_true", help="this project alone")
    options = parser.parse_args()
    few, many, rounds = (10, 40, 4) if options.quick else (100, 1_000, 200)
    wanted = [options.only] if options.only else ["memory", "speed", "latency", "growth"]
    # Compiled code is loaded once; it belongs to no symbol.
    warm_up(print)
    warm_up_mirror(print)
    print_machine()
    if "memory" in wanted:
        measure_memory(make_load(symbol_names(many), 4))
    if {"speed", "latency"} & set(wanted):
        load = make_load(symbol_names(few), rounds)
        if "speed" in wanted:
            measure_speed(load, 1 if options.quick else options.rounds, with_rivals=not options.no_rival)
        if "latency" in wanted:
            measure_latency(load, make_load(symbol_names(many), 10))
    if "growth" in wanted:
        measure_growth(many, 1 if options.quick else options.minutes)


if __name__ == "__main__":
    main()
