"""Where the microseconds of a connector program's wake-up go in a backtest: a sampled run, and single steps.

The first table samples a whole run by processor time, and counts each sample for the function at hand; time
spent in C, such as in Decimal, belongs to the function that called it. The second times steps by themselves,
those that a wake-up has and those that it is spared: through a session each order is a task of its own.

    python -m benchmarks.wakeup [--load quoting] [--events 4000000] [--quick]
"""

import argparse
import asyncio
import logging
import signal
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from types import FrameType

from benchmarks import backtest
from benchmarks.backtest import Ours
from benchmarks.common import print_machine, print_table
from benchmarks.market import DEMO, DEMO_RULES, load_market
from paper_bitmart.connector.exchange.in_flight_order import InFlightOrder
from paper_bitmart.connector.exchange.vocabulary import OrderType, TradeType

PARTS = (
    ("the compiled loop plays 100 ms", {"fast_run.py", "fast_loop.py", "tape.py"}),
    ("the program itself", {"strategies.py"}),
    ("orders as objects: checks, ids, Decimals cut to their step", {"in_flight_order.py", "connector.py"}),
    ("commands as rows of arrays", {"command_rows.py", "record_rows.py"}),
    ("commands, news and money between arrays and objects", {"compiled_exchange.py"}),
    ("what orders have come to: tracker, events if heard", {"order_tracker.py", "publisher.py"}),
    ("telling", {"compiled_connector.py"}),
    ("market time and the event loop", {"compiled_time.py", "market_time.py", "base_events.py", "events.py"}),
    ("best prices", {"compiled_book.py", "order_book.py", "market_methods.py"}),
)
SAMPLE_S = 0.001
PRICE, TICK = Decimal("61596.67"), Decimal("0.01")


class Sampler:
    """Counts in which source file the processor is; while it is entered."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()

    def __enter__(self) -> "Sampler":
        signal.signal(signal.SIGPROF, self._note)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_S, SAMPLE_S)
        return self

    def __exit__(self, *exc_info: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if frame is not None:
            self.files[Path(frame.f_code.co_filename).name] += 1


def sampled(load: str, events: int) -> None:
    market = load_market(DEMO, DEMO_RULES, "BTC_USDT", events)
    backtest.PART["connector"] = 1.0
    side = Ours(market).sides(load)["connector"]
    side()
    with Sampler() as sampler:
        cost = side()
    wakeup_us = cost * len(market.events) / (market.span_s * 10) * 1e6
    total = sum(sampler.files.values())
    known = {name for _, files in PARTS for name in files}
    rest = sum(count for name, count in sampler.files.items() if name not in known)
    rows = [(title, sum(sampler.files[name] for name in files)) for title, files in PARTS]
    rows.append(("anything else", rest))
    print_table(
        f"A wake-up of {load}, {wakeup_us:.1f} us, {total:,} samples",
        ("part", "us", "share"),
        [(title, f"{count / total * wakeup_us:.1f}", f"{count / total:.0%}") for title, count in rows],
    )


def single_steps() -> None:
    def order() -> InFlightOrder:
        return InFlightOrder("B1", "BTC-USDT", OrderType.LIMIT, TradeType.BUY, TICK, 1.0, PRICE)

    made = order()

    def listed() -> None:
        made._limit_order = None
        made.to_limit_order()

    steps = [
        ("an order object", cost_us(order)),
        ("its line in `limit_orders`", cost_us(listed)),
        ("a price cut to its step", cost_us(lambda: PRICE // TICK * TICK)),
        ("a switch to a task and back, spared", asyncio.run(switch_us())),
        ("a task made for an order, and awaited, spared", asyncio.run(task_us())),
    ]
    print_table("Single steps", ("step", "us"), [(name, f"{us:.2f}") for name, us in steps])


def cost_us(step, times: int = 100_000) -> float:
    best_s = min(timed(step, times) for _ in range(5))
    return best_s / times * 1e6


def timed(step, times: int) -> float:
    started_s = time.process_time()
    for _ in range(times):
        step()
    return time.process_time() - started_s


async def switch_us(times: int = 50_000) -> float:
    started_s = time.process_time()
    for _ in range(times):
        await asyncio.sleep(0)
    return (time.process_time() - started_s) / times * 1e6


async def task_us(times: int = 20_000) -> float:
    async def nothing() -> None:
        return

    started_s = time.process_time()
    for _ in range(times):
        await asyncio.create_task(nothing())
    return (time.process_time() - started_s) / times * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--load", choices=("quoting", "grid"), action="append")
    parser.add_argument("--events", type=int, default=4_000_000, help="repeat the market up to this length")
    parser.add_argument("--quick", action="store_true", help="a short market: does it run?")
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    print_machine()
    for load in options.load or ("quoting", "grid"):
        sampled(load, 400_000 if options.quick else options.events)
    single_steps()


if __name__ == "__main__":
    main()
