"""The rival's half of `benchmarks.core`; runs in its own environment and imports nothing of this project.

    python hftbacktest_side.py EVENTS.npy TICK LOT SIZE_LOTS STEP_NS LATENCY_NS LOW_TICKS HIGH_TICKS

Answers each line `BACKEND LOAD` on stdin (hashmap or roivec; book, quoting or grid) with one JSON line of
seconds and fills, so that the parent can measure A B A B in one run without paying for a start each time.
hftbacktest 2.4.4 as its tutorials set it up: LogProb queue, partial fills, constant order latency, fees per
value.
"""

import json
import sys
import time

import numpy as np
from hftbacktest import (
    BUY,
    GTX,
    LIMIT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from numba import njit

STRIDE_NS = 10_000_000_000
BUY_IDS, SELL_IDS = 1, 1 << 40
LEVELS, GRID_TICKS = 5, 100


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


@njit
def grid(hbt, step_ns, qty):
    """Each step five bids and five asks at round prices from the touch on, post-only; what is right stays.

    An order's id is its side and price. One that is being cancelled counts as there until the answer.
    """
    tick = hbt.depth(0).tick_size
    while hbt.elapse(step_ns) == 0:
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        top = depth.best_bid_tick // GRID_TICKS * GRID_TICKS
        bottom = -(-depth.best_ask_tick // GRID_TICKS) * GRID_TICKS
        orders = hbt.orders(0)
        bids = asks = 0
        values = orders.values()
        while values.has_next():
            order = values.get()
            price = np.int64(round(order.price / tick))
            away = top - price if order.side == BUY else price - bottom
            if away < 0 or away >= LEVELS * GRID_TICKS:
                if order.cancellable:
                    hbt.cancel(0, order.order_id, False)
            elif order.side == BUY:
                bids |= 1 << away // GRID_TICKS
            else:
                asks |= 1 << away // GRID_TICKS
        for j in range(LEVELS):
            if not bids >> j & 1:
                price = top - j * GRID_TICKS
                hbt.submit_buy_order(0, BUY_IDS + price, price * tick, qty, GTX, LIMIT, False)
            if not asks >> j & 1:
                price = bottom + j * GRID_TICKS
                hbt.submit_sell_order(0, SELL_IDS + price, price * tick, qty, GTX, LIMIT, False)
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
        start, cpu_start = time.perf_counter(), time.process_time()
        if load == "book":
            fills = follow_book(hbt)
        else:
            fills = (quote if load == "quoting" else grid)(hbt, self.step_ns, self.qty)
        taken, cpu_taken = time.perf_counter() - start, time.process_time() - cpu_start
        end_ns = int(hbt.current_timestamp)
        hbt.close()
        return {"seconds": taken, "cpu_seconds": cpu_taken, "fills": int(fills), "end_ns": end_ns}


def main():
    path, tick, lot, *numbers = sys.argv[1:]
    rival = Rival(path, float(tick), float(lot), *map(int, numbers))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(rival.run(*line.split())), flush=True)


if __name__ == "__main__":
    main()
