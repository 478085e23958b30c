"""The rival's half of `benchmarks.core`; runs in its own environment and imports nothing of this project.

    python hftbacktest_side.py EVENTS.npy TICK LOT SIZE_LOTS STEP_NS LATENCY_NS LOW_TICKS HIGH_TICKS

Answers each line `BACKEND LOAD` on stdin (hashmap or roivec; book or quoting) with one JSON line of seconds
and fills, so that the parent can measure A B A B in one run without paying for a start each time. hftbacktest
2.4.4 as its tutorials set it up: LogProb queue, partial fills, constant order latency, fees per value.
"""

import json
import sys
import time

import numpy as np
from hftbacktest import (
    GTX,
    LIMIT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from numba import njit

STRIDE_NS = 10_000_000_000
BUY_IDS, SELL_IDS = 1, 1 << 40


@njit
def follow_book(hbt):
    """Play the market to its end without orders."""
    while hbt.elapse(STRIDE_NS) == 0:
        pass
    return 0


@njit
def quote(hbt, step_ns, qty):
    """Each step cancel and replace one bid and one ask at the touch, post-only; returns its trades."""
    number = 0
    while hbt.elapse(step_ns) == 0:
        hbt.clear_inactive_orders(0)
        orders = hbt.orders(0)
        for old in (BUY_IDS + number, SELL_IDS + number):
            order = orders.get(old)
            if order is not None and order.cancellable:
                hbt.cancel(0, old, False)
        number += 1
        depth = hbt.depth(0)
        hbt.submit_buy_order(0, BUY_IDS + number, depth.best_bid, qty, GTX, LIMIT, False)
        hbt.submit_sell_order(0, SELL_IDS + number, depth.best_ask, qty, GTX, LIMIT, False)
    return hbt.state_values(0).num_trades


class Rival:
    """One set-up of the rival; every run starts from a fresh backtest on the same events in memory."""

    def __init__(self, path, tick, lot, size_lots, step_ns, latency_ns, low, high):
        self.events = np.load(path)
        self.tick, self.lot, self.step_ns, self.latency_ns = tick, lot, step_ns, latency_ns
        # An execution that equals an order's rest stops its run, so the orders are a quarter lot short.
        self.qty = (size_lots - 0.25) * lot
        self.price_range = (low * tick, high * tick)

    def run(self, backend, load):
        """Build, run, close; only the run is timed."""
        asset = (
            BacktestAsset()
            .data([self.events])
            .linear_asset(1.0)
            .constant_order_latency(self.latency_ns, self.latency_ns)
            .log_prob_queue_model()
            .partial_fill_exchange()
            .trading_value_fee_model(0.0025, 0.0025)
            .tick_size(self.tick)
            .lot_size(self.lot)
        )
        if backend == "roivec":
            asset = asset.roi_lb(self.price_range[0]).roi_ub(self.price_range[1])
            hbt = ROIVectorMarketDepthBacktest([asset])
        else:
            hbt = HashMapMarketDepthBacktest([asset])
        start = time.perf_counter()
        fills = quote(hbt, self.step_ns, self.qty) if load == "quoting" else follow_book(hbt)
        taken = time.perf_counter() - start
        end_ns = int(hbt.current_timestamp)
        hbt.close()
        return {"seconds": taken, "fills": int(fills), "end_ns": end_ns}


def main():
    path, tick, lot, *numbers = sys.argv[1:]
    rival = Rival(path, float(tick), float(lot), *map(int, numbers))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(rival.run(*line.split())), flush=True)


if __name__ == "__main__":
    main()
