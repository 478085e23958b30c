"""Backtests: one quoting load compiled, in plain Python and on the connector, beside hftbacktest 2.4.4.

Whom it stands for: a researcher with a maker that each 100 ms cancels and replaces one bid and one ask at the
touch, post-only, 10 ms away, on a recorded day of a busy pair.

- compiled: `FastBacktest`, the strategy inside the event loop; orders, fills and news logged, fees reckoned.
- plain Python: `Backtest`, through the whole venue: checks, holds, ledger, events, latency both ways.
- idle: `Backtest` with a strategy that only looks at the book each 100 ms: what the frame itself costs.
- connector: `ConnectorBacktest`, an asyncio program on the session that also runs live.
- hftbacktest: HashMap and ROIVector back-ends, LogProb queue, partial fills, a njit strategy.

Left out: loading and converting, statistics and reports, and compilation, which is told by itself. The rival
keeps no ledger. Speed in plain Python depends on the events between two wake-ups: this market has 41.

    python -m benchmarks.backtest [--quick] [--no-rival] [--capture FILE --symbols FILE --symbol BTC_USDT]
"""

import argparse
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
from numba import njit

from benchmarks.common import interleave, median_ratio, medians, print_machine, print_table, seconds
from benchmarks.core import BACKENDS, LATENCY_NS, SIZE_LOTS, STEP_NS, Rival
from benchmarks.market import DEMO, DEMO_RULES, Market, load_market
from paper_bitmart.backtest import fast_desk
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.fast import FastBacktest
from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.tape import ArrayTape
from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.connector.connector_backtest import ConnectorBacktest
from paper_bitmart.connector.exchange.vocabulary import OrderType as ConnectorType
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import LOG

PLAIN_EVENTS = 200_000
"""The slower ways play this much of the market: their speed does not depend on its length."""
MONEY = Decimal(10**9)


@njit
def quote(desk, book, memory):
    fast_desk.cancel_all(desk)
    fast_desk.send(desk, fast_desk.BUY, fast_desk.best_bid(book), memory[0], fast_desk.LIMIT_MAKER)
    fast_desk.send(desk, fast_desk.SELL, fast_desk.best_ask(book), memory[0], fast_desk.LIMIT_MAKER)


class Quote(Strategy):
    wake_every_ns = STEP_NS

    def on_book(self, desk, symbol):
        desk.cancel_all(symbol)
        desk.buy(symbol, desk.best_bid(symbol), SIZE_LOTS, OrderType.LIMIT_MAKER)
        desk.sell(symbol, desk.best_ask(symbol), SIZE_LOTS, OrderType.LIMIT_MAKER)


class Look(Strategy):
    wake_every_ns = STEP_NS

    def on_book(self, desk, symbol):
        if desk.best_bid(symbol) >= desk.best_ask(symbol):
            raise RuntimeError("the book is crossed")


class Loads:
    """Our four ways on one market; each call returns events per second of its own run."""

    def __init__(self, market: Market, plain_events: int) -> None:
        rules = market.rules
        self.symbol, self.pair = rules.symbol, trading_pair_of(rules.symbol)
        self.amount = rules.size(SIZE_LOTS)
        self.money = {rules.base: MONEY, rules.quote: MONEY}
        events = live_from_start(market.events)
        self.whole = {self.symbol: ArrayTape(rules, events)}
        self.part = {self.symbol: ArrayTape(rules, events[:plain_events])}
        self.latency = LatencyProfile.constant(LATENCY_NS, response_ns=LATENCY_NS)
        self.fills: dict[str, int] = {}

    def compiled(self) -> float:
        run = FastBacktest(
            self.whole, quote, np.array([SIZE_LOTS]), wake_every_ns=STEP_NS, entry_ns=LATENCY_NS,
            response_ns=LATENCY_NS, queue_model=LOG,
        )  # fmt: skip
        return self._speed("compiled", run.run)

    def plain(self) -> float:
        run = Backtest(self.part, Quote(), latency=self.latency, queue_model=LOG)
        return self._speed("plain Python", run.run)

    def idle(self) -> float:
        return self._speed("idle", Backtest(self.part, Look(), latency=self.latency).run)

    def connector(self) -> float:
        run = ConnectorBacktest(
            self.part, self._quote_by_connector, balances=self.money, latency=self.latency, queue_model=LOG
        )
        return self._speed("connector", run.run)

    async def _quote_by_connector(self, exchange) -> None:
        while True:
            await exchange.sleep(STEP_NS / 1e9)
            for order in exchange.limit_orders:
                exchange.cancel(self.pair, order.client_order_id)
            for send, is_ask in ((exchange.buy, False), (exchange.sell, True)):
                send(self.pair, self.amount, ConnectorType.LIMIT_MAKER, exchange.get_price(self.pair, is_ask))

    def _speed(self, name: str, run: Callable[[], Results]) -> float:
        results = run()
        self.fills[name] = len(results.fills)
        if name != "idle" and not len(results.fills):
            raise RuntimeError(f"{name}: nothing was filled, so nothing was measured")
        return results.events / results.elapsed_s


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
    parser.add_argument("--capture", type=Path, default=DEMO)
    parser.add_argument("--symbols", type=Path, default=DEMO_RULES, help="rules, a symbols/details reply")
    parser.add_argument("--symbol", default="BTC_USDT")
    parser.add_argument("--events", type=int, default=4_000_000, help="repeat the market up to this length")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    market = load_market(
        options.capture, options.symbols, options.symbol, 0 if options.quick else options.events
    )
    loads = Loads(market, 20_000 if options.quick else PLAIN_EVENTS)
    print_machine()
    compile_s = seconds(loads.compiled)
    print(
        f"{market.name}, {len(market.events):,} events; first compiled run with compiling: {compile_s:.1f} s"
    )
    sides: dict[str, Callable[[], float]] = {
        "compiled": loads.compiled, "plain Python": loads.plain, "idle": loads.idle,
        "connector": loads.connector,
    }  # fmt: skip
    started_s = time.perf_counter()
    if options.no_rival:
        show(interleave(sides, 1 if options.quick else options.rounds), loads.fills)
    else:
        with Rival(market) as rival:
            n = len(market.events)
            for name in BACKENDS:
                sides[f"hftbacktest {name}"] = lambda name=name: n / rival.run(name, "quoting")
            show(interleave(sides, 1 if options.quick else options.rounds), loads.fills | rival.fills)
    print(f"measured in {time.perf_counter() - started_s:.0f} s")


def show(speeds: dict[str, list[float]], fills: dict[str, int]) -> None:
    """Events per second of every side, and its speed against the compiled one, round by round."""
    rows = [
        (name, f"{speed / 1e6:.2f}", f"{median_ratio(speeds['compiled'], speeds[name]):.2f}")
        for name, speed in medians(speeds).items()
    ]
    print_table("Quoting both sides every 100 ms", ("side", "M events/s", "compiled against it"), rows)
    print("Fills: " + ", ".join(f"{name} {count:,}" for name, count in fills.items()))


if __name__ == "__main__":
    main()
