"""Real orders replayed under any setting, and how far that is from what really became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paper_bitmart.backtest.best_prices import best_prices
from paper_bitmart.backtest.replay import ReplayOptions
from paper_bitmart.backtest.replay import replay as run_replay
from paper_bitmart.backtest.tape import Tape
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.fees import NO_FEES
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.matching.models import QueueModel
from paper_bitmart.realism.choice import block_length_ns
from paper_bitmart.realism.figures import Orders, quantile
from paper_bitmart.realism.mids import CaptureMids
from paper_bitmart.realism.outcomes import Simulated, TrueOrder, load_out
from paper_bitmart.realism.real_orders import RealOrder, RealOrders, as_truth, write_commands
from paper_bitmart.realism.scoring import compare

MS = 10**6
LATE_NS = 10**9
"""A fill this much off counts as wrong as none."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to replay the orders."""

    model: QueueModel
    delay_ns: int

    def __str__(self) -> str:
        delay = f" --entry-latency-ms {self.delay_ns / MS:g}" if self.delay_ns else ""
        return f"--queue-model {self.model.setting}{delay}"


class Replayer:
    """Replays the orders under any setting, each setting once."""

    def __init__(
        self,
        capture: Path,
        symbols: Path,
        rules: Mapping[str, SymbolRules],
        tapes: Mapping[str, Tape],
        found: RealOrders,
        folder: Path,
    ) -> None:
        orders = found.orders
        self.cancels_are_exact = found.cancelled_on_venue_clock
        self.capture, self.symbols, self.rules, self.tapes = capture, symbols, rules, tapes
        self.truth = as_truth(orders)
        self.rows: list[TrueOrder] = [*self.truth.values()]
        self.commands, self.out = folder / "real_orders.jsonl", folder / "real_out.jsonl"
        write_commands(orders, rules, self.commands)
        self.start_ns = np.array([order.sent_ns for order in orders], np.int64)
        self.end_ns = np.array([order.end_ns for order in orders], np.int64)
        self.block_ns = block_length_ns(int(self.end_ns.max() - self.start_ns.min()))
        self.mids = CaptureMids(tapes)
        self.spread_ticks = self._spreads(orders)
        self._losses: dict[Setting, np.ndarray] = {}

    def simulate(self, setting: Setting) -> Simulated:
        options = ReplayOptions(
            capture=self.capture, symbols=self.symbols, orders=self.commands, out=self.out, fees=NO_FEES,
            queue_model=setting.model,
            latency=LatencyChoice(
                entry_ns=setting.delay_ns, cancel_ns=0 if self.cancels_are_exact else setting.delay_ns
            ),
        )  # fmt: skip
        run_replay(options)
        return load_out(self.out, self.truth, self.rules)

    def compare(self, setting: Setting) -> tuple[Orders, Simulated]:
        simulated = self.simulate(setting)
        return compare(self.rows, simulated, self.mids), simulated

    def losses(self, setting: Setting) -> np.ndarray:
        """(n,) 0 to 1: 1 when an order fills in one world only; where it fills in both, the mean of the
        errors of time (1 s or more is 1), share, and average price (a spread or more is 1)."""
        if setting not in self._losses:
            orders, _ = self.compare(setting)
            late = np.minimum(1.0, np.abs(orders.s_ns - orders.t_ns) / LATE_NS)
            share = np.minimum(1.0, np.abs(orders.s_share - orders.t_share))
            price = np.minimum(1.0, np.abs(np.nan_to_num(orders.s_avg - orders.t_avg)) / self.spread_ticks)
            both, neither = orders.t & orders.s, ~orders.t & ~orders.s
            self._losses[setting] = np.where(both, (late + share + price) / 3, np.where(neither, 0.0, 1.0))
        return self._losses[setting]

    def _spreads(self, orders: Sequence[RealOrder]) -> np.ndarray:
        """Of each order's symbol, the median spread in ticks when the orders were sent."""
        typical = {}
        for symbol, tape in self.tapes.items():
            times = np.array([order.sent_ns for order in orders if order.symbol == symbol], np.int64)
            bids, asks = best_prices(tape, np.sort(times))
            typical[symbol] = max(1.0, quantile((asks - bids)[bids > 0].astype(float), 0.5) or 1.0)
        return np.array([typical[order.symbol] for order in orders])
