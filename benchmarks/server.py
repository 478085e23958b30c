"""Orders per second of the server, beside a bare aiohttp echo, and what 200 websocket subscribers cost it.

Whom it stands for: bots on the same machine that quote through BitMart's REST API, and a room full of
readers.

- orders: signed submits and cancels over 1, 10 and 50 keep-alive connections, journal on, the demo market
  playing meanwhile. Echo: the same requests to a server that only sends the body back, in the same run.
- subscribers: 200 connections, each with the depth (increase100) and the trades of one of 20 symbols. Late is
  a push's arrival after it was due: if a queue grows, the last third is above the first. The age of a depth
  push, its arrival after the market time that it shows, also holds the wait for the 100 ms interval
  (`subscribers`).

Left out: TLS, networks, clients that are slow to read (tests/server), many accounts. Client and server
share the machine: with two cores the client's own work is part of both sides' figures.

    python -m benchmarks.server [--quick] [--only orders|subscribers]
"""

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from benchmarks.common import median_ratio, percentile, print_machine, print_table
from benchmarks.http_load import Load, echoed_id, order_id_of, submit_and_cancel
from benchmarks.many_symbols import many_symbols
from benchmarks.processes import Server, echo_server, paper_server
from benchmarks.subscribers import Pushes, subscribe

CONNECTIONS = (1, 10, 50)
SYMBOLS, SUBSCRIBERS = 20, 200


def measure_orders(rounds: int, seconds: float) -> None:
    """Rates and latencies, ours and the echo's in turns."""
    with tempfile.TemporaryDirectory() as state, paper_server(Path(state)) as ours, echo_server() as echo:
        for server, read_id in ((ours, order_id_of), (echo, echoed_id)):
            asyncio.run(submit_and_cancel(server.port, 10, seconds, read_id))
        rows = []
        for connections in CONNECTIONS:
            loads: dict[str, list[Load]] = {"paper_bitmart": [], "echo": []}
            for _ in range(rounds):
                loads["paper_bitmart"].append(asyncio.run(submit_and_cancel(ours.port, connections, seconds)))
                loads["echo"].append(
                    asyncio.run(submit_and_cancel(echo.port, connections, seconds, echoed_id))
                )
            rates = {name: [load.rate for load in runs] for name, runs in loads.items()}
            rows += [
                (
                    connections,
                    name,
                    f"{statistics.median(rates[name]):,.0f}",
                    f"{_ms(runs, 0.5):.2f}",
                    f"{_ms(runs, 0.99):.2f}",
                    f"{median_ratio(rates[name], rates['echo']):.2f}",
                )
                for name, runs in loads.items()
            ]
    columns = ("connections", "server", "submit+cancel/s", "p50 ms", "p99 ms", "rate against echo")
    print_table("Signed submit and cancel, journal on; latency of one call", columns, rows)


def _ms(runs: list[Load], share: float) -> float:
    """Median over rounds of a latency percentile."""
    return statistics.median(percentile(load.latencies_ns, share) for load in runs) / 1e6


def measure_subscribers(subscribers: int, seconds: float) -> None:
    """Pushes, processor share, memory and lag with all subscribers connected."""
    capture, rules = many_symbols(SYMBOLS)
    options = ("--source", str(capture), "--symbols", str(rules), "--clock", "recorded")
    with paper_server(None, *options) as server:
        idle = _share(server, seconds / 2)
        before = server.resident_bytes()
        pushes, busy = asyncio.run(_listen(server, subscribers, seconds))
        grown = server.resident_bytes() - before
    lags = pushes.lags()
    rows = [
        (
            subscribers,
            f"{pushes.count / seconds:,.0f}",
            f"{pushes.bytes / seconds / 1e6:.1f}",
            f"{idle:.0%}",
            f"{busy:.0%}",
            *lags,
            f"{grown / 1e6:.0f}",
        )
    ]
    columns = ("subscribers", "pushes/s", "MB/s", "CPU idle", "CPU", "depth age p50 / p99 ms",
               "depth late, first third", "last third", "trades late",
               "memory grown MB")  # fmt: skip
    print_table(
        f"Websocket subscribers on {SYMBOLS} symbols, {seconds:.0f} s; CPU of one core", columns, rows
    )
    if pushes.closed:
        print(f"{pushes.closed} connections were closed by the server")


def _share(server: Server, seconds: float) -> float:
    return asyncio.run(_share_while(server, seconds))


async def _share_while(server: Server, seconds: float) -> float:
    used = server.cpu_s()
    await asyncio.sleep(seconds)
    return (server.cpu_s() - used) / seconds


async def _listen(server: Server, subscribers: int, seconds: float) -> tuple[Pushes, float]:
    pushes = Pushes(SYMBOLS)
    async with subscribe(server.port, subscribers, pushes):
        await asyncio.sleep(2)  # snapshots are out
        pushes.begin()
        share = await _share_while(server, seconds)
        pushes.end()
    return pushes, share


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="short slices, few subscribers: does it run?")
    parser.add_argument("--only", choices=("orders", "subscribers"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print_machine()
    if options.only != "subscribers":
        measure_orders(1 if options.quick else options.rounds, 0.3 if options.quick else 3.0)
    if options.only != "orders":
        measure_subscribers(SYMBOLS if options.quick else SUBSCRIBERS, 1.5 if options.quick else 20.0)


if __name__ == "__main__":
    main()
