"""How far a setting matters: the same hypothetical orders played under each, and what becomes of them."""

import json
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
from paper_bitmart.matching.models import QueueModel
from paper_bitmart.realism.choice import Interval, mean_95
from paper_bitmart.realism.figures import Number, quantile
from paper_bitmart.realism.outcomes import Simulated, TrueOrder, load_out

NS_PER_S = 10**9
PROBES = 400
LIFE_NS_MAX = 30 * NS_PER_S


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What became of the probes under one model; intervals by blocks of time.

    wait_ms: median from order to first fill, of those that filled.
    """

    model: QueueModel
    filled: Number
    filled_95: Interval | None
    wait_ms: Number


@dataclass(frozen=True, slots=True)
class Probed:
    """`disputed`: share of the probes that fill under some of the models only, with its interval."""

    orders: int
    size_lots: int
    life_s: float
    disputed: Number
    disputed_95: Interval | None
    results: list[ProbeResult]


def make_probes(tape: Tape, usual_lots: int) -> list[TrueOrder]:
    """Orders at the best bid and ask, in turn, spread evenly over the market.

    Args:
        usual_lots: an order's usual size; raised to what the symbol's rules allow.
    """
    rules, span_ns = tape.rules, tape.last_ns - tape.first_ns
    life_ns = min(LIFE_NS_MAX, max(NS_PER_S, span_ns // 10))
    times = np.linspace(tape.first_ns, tape.last_ns - life_ns, PROBES + 1)[1:].astype(np.int64)
    bids, asks = best_prices(tape, times)
    found = []
    for number, at_ns in enumerate(times.tolist()):
        sign = 1 if number % 2 == 0 else -1
        price = int(bids[number] if sign == 1 else asks[number])
        if price > 0:
            lots = max(usual_lots, _least_lots(rules, price))
            found.append(
                TrueOrder(
                    f"p{number:04}", rules.symbol, at_ns, at_ns + life_ns, sign, price, lots, True, (), {}
                )
            )
    return found


def write_orders(orders: Sequence[TrueOrder], rules: SymbolRules, path: Path) -> None:
    """An ORDERS file of probes, each in an account of its own: they must not meet each other."""
    rows: list[dict[str, object]] = []
    for order in orders:
        name = order.client_order_id
        head = {"account": name, "client_order_id": name, "symbol": order.symbol}
        rows.append({
            "ts": order.at_ns, "action": "submit", "side": "buy" if order.sign == 1 else "sell",
            "type": "limit_maker", "price": rules.format_price(order.price_ticks),
            "size": rules.format_size(order.size_lots), **head,
        })  # fmt: skip
        rows.append({"ts": order.cancel_ns, "action": "cancel", **head})
    rows.sort(key=lambda row: int(str(row["ts"])))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def probe(
    capture: Path,
    symbols: Path,
    rules: SymbolRules,
    orders: Sequence[TrueOrder],
    models: Sequence[QueueModel],
    folder: Path,
    block_ns: int,
) -> Probed:
    """Replay the probes under each model; `capture` and `symbols` as in ReplayOptions, `folder`: scratch."""
    path, out = folder / "probes.jsonl", folder / "probes_out.jsonl"
    write_orders(orders, rules, path)
    truth: Mapping[str, TrueOrder] = {order.client_order_id: order for order in orders}
    at_ns = np.array([order.at_ns for order in orders], np.int64)
    results, decisions = [], []
    for model in models:
        options = ReplayOptions(
            capture=capture, symbols=symbols, orders=path, out=out, fees=NO_FEES, queue_model=model
        )
        run_replay(options)
        simulated = load_out(out, truth, {rules.symbol: rules})
        filled = np.array([name in simulated.fills for name in truth], bool)
        decisions.append(filled)
        results.append(
            ProbeResult(
                model, *_mean_95(filled, at_ns, block_ns), quantile(_waits_ms(orders, simulated), 0.5)
            )
        )
    table = np.stack(decisions) if decisions else np.zeros((1, 0), bool)
    disputed = np.asarray(table.any(axis=0) & ~table.all(axis=0))
    first = orders[0] if orders else None
    return Probed(
        orders=len(orders),
        size_lots=max((order.size_lots for order in orders), default=0),
        life_s=((first.cancel_ns or 0) - first.at_ns) / NS_PER_S if first else 0.0,
        disputed=_mean_95(disputed, at_ns, block_ns)[0],
        disputed_95=_mean_95(disputed, at_ns, block_ns)[1],
        results=results,
    )


def _least_lots(rules: SymbolRules, price_ticks: int) -> int:
    """The smallest order that the symbol's minima allow at a price."""
    notional = max(rules.min_buy_notional, rules.min_sell_notional)
    least = max(rules.min_size, notional / rules.price(price_ticks))
    return int(-(-least // rules.lot))


def _waits_ms(orders: Sequence[TrueOrder], simulated: Simulated) -> np.ndarray:
    fills = simulated.fills
    return np.array(
        [
            (fills[order.client_order_id][0].at_ns - order.at_ns) / 1e6
            for order in orders
            if order.client_order_id in fills
        ]
    )


def _mean_95(values: np.ndarray, at_ns: np.ndarray, block_ns: int) -> tuple[Number, Interval | None]:
    if not len(values):
        return None, None
    return float(values.mean()), mean_95(values[None, :].astype(float), at_ns, block_ns)[1][0]
