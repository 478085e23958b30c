"""The rival's half of `benchmarks.agreement`; runs in its own environment, imports nothing of this project.

    python agreement_side.py EVENTS.npy OUT.npy STEP_NS LATENCY_NS COPIES QTY

hftbacktest 2.4.4, HashMap back-end, LogProb queue, partial fills, constant latency. Prices are ticks and
sizes lots (its tick and lot are 1), so that its logarithm is of the same numbers as ours.

OUT: (n, 8) float64 seen by the client, a row whenever an order's status or rest had changed: step, side (0
buy), copy, price, sent_ns - first_ns, exchange time - first_ns, status, executed.
"""

import sys

import numpy as np
from hftbacktest import GTX, LIMIT, BacktestAsset, HashMapMarketDepthBacktest
from numba import njit

SIDE_IDS, COPY_IDS = 1 << 40, 1 << 30
UNKNOWN = 255
ROWS_MAX = 1_000_000


@njit
def log_changes(hbt, first_ns, steps, copies, prices, sent_ns, leaves, states, rows, count):
    """What changed since the last look in the orders of this step and of the one before."""
    orders = hbt.orders(0)
    for generation in range(2):
        for side in range(2):
            for copy in range(copies):
                number = side * SIDE_IDS + copy * COPY_IDS + steps[generation]
                order = orders.get(np.uint64(number))
                if order is None:
                    continue
                place = generation, side, copy
                if order.leaves_qty == leaves[place] and order.status == states[place]:
                    continue
                row = rows[count]
                row[0], row[1], row[2] = steps[generation], side, copy
                row[3], row[4] = prices[generation, side], sent_ns[generation] - first_ns
                row[5], row[6] = order.exch_timestamp - first_ns, order.status
                row[7] = leaves[place] - order.leaves_qty
                leaves[place], states[place] = order.leaves_qty, order.status
                count += 1
    return count


@njit
def quote(hbt, first_ns, step_ns, copies, qty, rows):
    """Each step cancel what rests and send `copies` bids and asks at the touch, post-only."""
    count, step, next_ns = 0, 0, first_ns + step_ns
    steps, sent_ns = np.zeros(2, np.int64), np.zeros(2, np.int64)
    prices = np.zeros((2, 2))
    leaves, states = np.full((2, 2, copies), qty), np.full((2, 2, copies), UNKNOWN)
    # Before its first event its clock stands at the end of time.
    hbt.wait_next_feed(False, step_ns)
    while True:
        while hbt.current_timestamp < next_ns:
            code = hbt.wait_next_feed(True, next_ns - hbt.current_timestamp)
            count = log_changes(hbt, first_ns, steps, copies, prices, sent_ns, leaves, states, rows, count)
            if code == 1:
                return count
            if code not in (0, 2, 3):
                return -1
        orders = hbt.orders(0)
        for side in range(2):
            for copy in range(copies):
                number = side * SIDE_IDS + copy * COPY_IDS + step
                order = orders.get(np.uint64(number))
                if order is not None and order.cancellable:
                    hbt.cancel(0, number, False)
        step += 1
        generation = step % 2
        steps[generation], sent_ns[generation] = step, hbt.current_timestamp
        leaves[generation], states[generation] = qty, UNKNOWN
        depth = hbt.depth(0)
        prices[generation, 0], prices[generation, 1] = depth.best_bid, depth.best_ask
        for copy in range(copies):
            number = copy * COPY_IDS + step
            hbt.submit_buy_order(0, number, depth.best_bid, qty, GTX, LIMIT, False)
            hbt.submit_sell_order(0, SIDE_IDS + number, depth.best_ask, qty, GTX, LIMIT, False)
        next_ns += step_ns


def main():
    events_path, out_path, *numbers = sys.argv[1:]
    step_ns, latency_ns, copies = map(int, numbers[:3])
    events = np.load(events_path)
    asset = (
        BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(latency_ns, latency_ns)
        .log_prob_queue_model()
        .partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(1.0)
        .lot_size(1.0)
    )
    hbt = HashMapMarketDepthBacktest([asset])
    rows = np.zeros((ROWS_MAX, 8))
    count = quote(hbt, int(events["local_ts"][0]), step_ns, copies, float(numbers[3]), rows)
    hbt.close()
    if count < 0:
        raise RuntimeError("hftbacktest stopped its run with an error")
    np.save(out_path, rows[:count])


if __name__ == "__main__":
    main()
